import Coordinator
import Swarm

/// What the command line says.
struct Options: Sendable {
    var model: String?
    var hops = [1, 2, 3, 4]
    /// In milliseconds.
    var roundTrips = [0, 5, 20, 100]
    var routes: [StepWay] = [.star, .push]
    /// The most tokens of one generation, and how long one should take.
    var tokens = 128
    var seconds = 3
    /// How often each line of the table is measured.
    var rounds = 3
    var flags: [String] = []

    private static let help = """
        WideArea [MODEL] [--hops 1,2,3,4] [--round-trips 0,5,20,100] [--routes star,push] [--tokens 128]
                 [--seconds 3] [--rounds 3] [-- FLAGS OF serve…]

        Without MODEL, the demo model. Round trips are in milliseconds. KWAAI_SWIFT names the program that serves;
        ../.build/release/kwaai-swift where it does not.
        """

    init(_ arguments: some Sequence<String>) {
        var arguments = Arguments(arguments, help: Self.help)
        self.flags = arguments.passedOn
        while let argument = arguments.next() {
            switch argument {
            case "--hops": self.hops = arguments.words().compactMap { Int($0) }.filter { $0 > 0 }
            case "--round-trips": self.roundTrips = arguments.words().compactMap { Int($0) }.filter { $0 >= 0 }
            case "--routes": self.routes = arguments.words().compactMap { StepWay(rawValue: $0) }
            case "--tokens": self.tokens = max(2, arguments.number())
            case "--seconds": self.seconds = arguments.number()
            case "--rounds": self.rounds = max(1, arguments.number())
            default: self.model = arguments.path(argument)
            }
        }
    }
}
