import Coordinator
import Swarm

/// One line of the table.
struct Row: CustomStringConvertible {
    static let header = """
        | hops | round trip | over bare TCP | route | tokens/s | at most | above it, a hop | with speculation |
        |---|---|---|---|---|---|---|---|
        """

    let route: StepWay
    let milliseconds: Int
    let hops: Int
    /// How often a token is on its way for half a round trip.
    let ways: Int
    /// Echoes that went to every hop in turn, over bare TCP.
    var turns: [Duration] = []
    /// Tokens without guesses.
    var plain: [GenerationStatistics.Pass] = []
    var guessing = Speed()

    /// Tokens, and how long they took.
    struct Speed {
        private var tokens = 0
        private var time = Duration.zero

        var tokensPerSecond: Double { Double(self.tokens) / (self.time / .seconds(1)) }

        mutating func add(_ generation: Generation) {
            self.tokens += generation.statistics.generatedTokens - 1
            self.time += generation.statistics.decoding
        }
    }

    var description: String {
        // Medians on both sides: a virtual machine stands still now and then for longer than all that is measured here.
        let bare = Self.median(self.turns) / self.hops
        let network = bare * self.ways / 2
        let least = Self.median(self.plain.map { $0.compute + $0.drawing }) + network
        let rest = Self.median(self.plain.map { $0.duration - $0.compute - $0.drawing })
        let decoding = self.plain.reduce(.zero) { $0 + $1.duration }
        let cells = [
            "\(self.hops)", "\(self.milliseconds) ms", "\((bare / .milliseconds(1)).rounded(2)) ms", "\(self.route)",
            "\((Double(self.plain.count) / (decoding / .seconds(1))).rounded(1))",
            "\((1 / (least / .seconds(1))).rounded(1))",
            "\(((rest - network) / self.hops / .milliseconds(1)).rounded(2)) ms",
            "\(self.guessing.tokensPerSecond.rounded(1))",
        ]
        return "| " + cells.joined(separator: " | ") + " |"
    }

    private static func median(_ durations: [Duration]) -> Duration { durations.sorted()[durations.count / 2] }
}
