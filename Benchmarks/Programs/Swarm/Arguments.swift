import Foundation

/// The flags of a plain program, one after the other. Whoever asks for help, or calls it wrongly, gets it, and no more.
public struct Arguments {
    private var rest: [String]
    private let help: String
    /// What stands behind `--`.
    public let passedOn: [String]

    public init(_ arguments: some Sequence<String>, help: String) {
        let all = Array(arguments)
        let end = all.firstIndex(of: "--") ?? all.endIndex
        self.rest = Array(all[..<end])
        self.passedOn = Array(all[end...].dropFirst())
        self.help = help
    }

    /// The next flag, or what stands alone.
    public mutating func next() -> String? {
        guard !self.rest.isEmpty else { return nil }
        let argument = self.rest.removeFirst()
        guard argument != "--help" else {
            print(self.help)
            exit(EXIT_SUCCESS)
        }
        return argument
    }

    public mutating func number() -> Int {
        guard let first = self.rest.first, let number = Int(first), number > 0 else { self.refuse() }
        self.rest.removeFirst()
        return number
    }

    public mutating func words() -> [String] {
        guard let first = self.rest.first else { self.refuse() }
        self.rest.removeFirst()
        return first.split(separator: ",").map(String.init)
    }

    /// What stands alone: a path, and no flag.
    public func path(_ argument: String) -> String {
        guard !argument.hasPrefix("-") else { self.refuse() }
        return argument
    }

    public func refuse() -> Never {
        FileHandle.standardError.write(Data((self.help + "\n").utf8))
        exit(2)
    }
}
