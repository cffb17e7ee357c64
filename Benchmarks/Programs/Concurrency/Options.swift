import Foundation

/// What the command line says.
struct Options: Sendable {
    var model = ""
    /// The `kwaai-swift` that serves.
    var program = ProcessInfo.processInfo.environment["KWAAI_SWIFT"] ?? "../.build/release/kwaai-swift"
    var hops = 3
    var sessions = 8
    var tokens = 64
    var rounds = 5
    /// Passed on to every `serve`.
    var flags: [String] = []

    private static let help = """
        Concurrency MODEL [--sessions 8] [--hops 3] [--tokens 64] [--rounds 5] [-- FLAGS OF serve…]

        KWAAI_SWIFT names the program that serves; ../.build/release/kwaai-swift where it does not.
        """

    init(_ arguments: some Sequence<String>) throws {
        var rest = Array(arguments)
        if let end = rest.firstIndex(of: "--") {
            self.flags = Array(rest[(end + 1)...])
            rest.removeSubrange(end...)
        }
        while !rest.isEmpty {
            let argument = rest.removeFirst()
            switch argument {
            case "--sessions": self.sessions = try Self.number(&rest)
            case "--hops": self.hops = try Self.number(&rest)
            case "--tokens": self.tokens = try Self.number(&rest)
            case "--rounds": self.rounds = try Self.number(&rest)
            case "--help": throw Failure(Self.help)
            default: self.model = argument
            }
        }
        guard !self.model.isEmpty else { throw Failure(Self.help) }
    }

    private static func number(_ rest: inout [String]) throws -> Int {
        guard let text = rest.first, let number = Int(text), number > 0 else { throw Failure(Self.help) }
        rest.removeFirst()
        return number
    }
}
