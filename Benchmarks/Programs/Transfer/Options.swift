/// What is measured, from the command line and the environment.
struct Options {
    var rounds = 5
    var connections = 20
    var calls = 2_000
    var byteCount = 512 << 20
    var printsJSON = false
    /// This process is the other peer of a pair.
    var serves = false
    var p2pd: String?

    static let usage = """
        usage: Transfer [options]

          --rounds 5        how often everything is measured, p2pd in turn with ours
          --calls 2000      echoes of each kind in a round
          --json            JSON instead of a table

        P2PD names go-libp2p's daemon; without it there is no comparison.
        """

    init(_ arguments: some Sequence<String>, environment: [String: String]) throws(Failure) {
        self.p2pd = environment["P2PD"]
        var rest = Array(arguments)[...]
        func number(_ option: String) throws(Failure) -> Int {
            guard let value = rest.popFirst(), let number = Int(value), number > 0 else {
                throw Failure("\(option) needs a positive number.\n\(Self.usage)")
            }
            return number
        }
        while let argument = rest.popFirst() {
            switch argument {
            case "serve": self.serves = true
            case "--rounds": self.rounds = try number(argument)
            case "--calls": self.calls = try number(argument)
            case "--json": self.printsJSON = true
            default: throw Failure(Self.usage)
            }
        }
    }
}

/// Why nothing was measured.
struct Failure: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }
}
