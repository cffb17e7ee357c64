/// The flags of a plain program, one after the other.
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
    public mutating func next() throws -> String? {
        guard !self.rest.isEmpty else { return nil }
        let argument = self.rest.removeFirst()
        guard argument != "--help" else { throw Failure(self.help) }
        return argument
    }

    public mutating func number() throws -> Int {
        guard let first = self.rest.first, let number = Int(first), number > 0 else { throw Failure(self.help) }
        self.rest.removeFirst()
        return number
    }

    public mutating func words() throws -> [String] {
        guard let first = self.rest.first else { throw Failure(self.help) }
        self.rest.removeFirst()
        return first.split(separator: ",").map(String.init)
    }
}
