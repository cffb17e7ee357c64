import Model

/// What is measured, from the command line and the environment.
struct Options {
    /// One model in one format, and the GGUF that llama.cpp reads in its place.
    struct Subject {
        /// A folder, or a GGUF.
        var model: String
        var quantization: Quantization?
        var reference: String?

        var name: String {
            let last = self.model.split(separator: "/").last.map(String.init) ?? self.model
            return self.quantization.map { "\(last) as \($0.rawValue)" } ?? last
        }
    }

    var subjects: [Subject] = []
    var threads = [1, 2]
    var rounds = 7
    /// A further decode step after this many tokens.
    var context: Int?
    /// Sequences that decode together.
    var batch: Int?
    var printsJSON = false
    var llamaBench: String?

    static let usage = """
        usage: Inference [options] SUBJECT…

        A SUBJECT is MODEL[:q8_0|:q4_0][=GGUF]: a folder or a GGUF, perhaps quantised while loading, and the GGUF that
        llama.cpp runs beside it. Without one only the f32 product is measured.

          --threads 1,2     numbers of threads
          --rounds 7        readings of each kind, of which the median counts
          --context 8192    a decode step after so many tokens, too
          --batch 8         so many sequences that decode together, too
          --json            JSON instead of a table

        LLAMA_BENCH names llama.cpp's llama-bench; without it there is no comparison.
        """

    init(_ arguments: some Sequence<String>, environment: [String: String]) throws(Failure) {
        self.llamaBench = environment["LLAMA_BENCH"]
        var rest = Array(arguments)[...]
        func value(_ option: String) throws(Failure) -> String {
            guard let value = rest.popFirst() else { throw Failure("\(option) needs a value.\n\(Self.usage)") }
            return value
        }
        func number(_ option: String) throws(Failure) -> Int {
            guard let number = Int(try value(option)), number > 0 else {
                throw Failure("\(option) needs a positive number.")
            }
            return number
        }
        while let argument = rest.popFirst() {
            switch argument {
            case "--threads": self.threads = try value(argument).split(separator: ",").compactMap { Int($0) }
            case "--rounds": self.rounds = try number(argument)
            case "--context": self.context = try number(argument)
            case "--batch": self.batch = try number(argument)
            case "--json": self.printsJSON = true
            case _ where argument.hasPrefix("-"): throw Failure(Self.usage)
            default: self.subjects.append(try Subject(argument))
            }
        }
    }
}

extension Options.Subject {
    init(_ text: String) throws(Failure) {
        let sides = text.split(separator: "=", maxSplits: 1).map(String.init)
        let own = sides[0].split(separator: ":", maxSplits: 1).map(String.init)
        let quantization = own.dropFirst().first.map(Quantization.init)
        if case .some(.none) = quantization { throw Failure(Options.usage) }
        self.init(model: own[0], quantization: quantization ?? nil, reference: sides.dropFirst().first)
    }
}

/// Why nothing was measured.
struct Failure: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }
}
