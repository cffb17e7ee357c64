import Coordinator
import Swarm

/// What the command line says.
struct Options: Sendable {
    var model: String?
    var hops = 3
    var tokens = 256
    var rounds = 12
    /// How likely a hop fails in a step.
    var probabilities = [0.001, 0.01]
    var seed: UInt64 = 1
    var route = StepWay.auto
    /// Whether every generation and recovery is told.
    var tellsEach = false
    var flags: [String] = []

    private static let help = """
        Failures [MODEL] [--hops 3] [--tokens 256] [--rounds 12] [--probabilities 0.001,0.01] [--seed 1]
                 [--route auto] [--each] [-- FLAGS OF serve…]

        Without MODEL, the demo model. --route: auto, star, or push. --each tells every generation and recovery. KWAAI_SWIFT names the program
        that serves; ../.build/release/kwaai-swift where it does not.
        """

    init(_ arguments: some Sequence<String>) {
        var arguments = Arguments(arguments, help: Self.help)
        self.flags = arguments.passedOn
        while let argument = arguments.next() {
            switch argument {
            case "--hops": self.hops = arguments.number()
            case "--tokens": self.tokens = max(2, arguments.number())
            case "--rounds": self.rounds = arguments.number()
            case "--seed": self.seed = UInt64(arguments.number())
            case "--route": self.route = arguments.words().compactMap { StepWay(rawValue: $0) }.first ?? .auto
            case "--each": self.tellsEach = true
            case "--probabilities":
                self.probabilities = arguments.words().compactMap { Double($0) }.filter { (0..<1).contains($0) }
            default: self.model = arguments.path(argument)
            }
        }
    }
}
