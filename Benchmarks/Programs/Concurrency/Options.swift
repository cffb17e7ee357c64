import Coordinator
import Swarm

/// What the command line says.
struct Options: Sendable {
    var model: String?
    var hops = 3
    var sessions = 8
    var tokens = 64
    var rounds = 5
    var route = StepWay.auto
    /// Guesses are rows too, and how many are right depends on the text, so by default steps are of one token.
    var speculation = Speculation.off
    /// Passed on to every `serve`.
    var flags: [String] = []

    private static let help = """
        Concurrency [MODEL] [--sessions 8] [--hops 3] [--tokens 64] [--rounds 5] [--route auto]
                    [--speculate off|auto] [-- FLAGS OF serve…]

        Without MODEL, the demo model, which is too small to say much. --route: auto, star, or push. KWAAI_SWIFT names the program that serves;
        ../.build/release/kwaai-swift where it does not.
        """

    init(_ arguments: some Sequence<String>) {
        var arguments = Arguments(arguments, help: Self.help)
        self.flags = arguments.passedOn
        while let argument = arguments.next() {
            switch argument {
            case "--sessions": self.sessions = arguments.number()
            case "--hops": self.hops = arguments.number()
            case "--tokens": self.tokens = arguments.number()
            case "--rounds": self.rounds = arguments.number()
            case "--speculate":
                switch arguments.words() {
                case ["auto"]: self.speculation = .auto
                case ["off"]: self.speculation = .off
                default: arguments.refuse()
                }
            case "--route": self.route = arguments.words().compactMap { StepWay(rawValue: $0) }.first ?? .auto
            default: self.model = arguments.path(argument)
            }
        }
    }
}
