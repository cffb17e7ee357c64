import Coordinator
import Foundation

/// Shows a generation: text on stdout as it comes, or one JSON object at its end.
actor GenerationOutput {
    private let json: Bool
    private let stats: Bool
    private let showsPrompt: Bool
    private var prefill = ProgressLine("Reading the prompt", after: .milliseconds(500))
    /// Waits until the prompt is read, so that the progress bar does not overwrite it.
    private var promptText = ""
    private var hasOpenLine = false

    /// - Parameter showsPrompt: whether the text begins with the prompt that it continues.
    init(json: Bool, stats: Bool, showsPrompt: Bool = true) {
        self.json = json
        self.stats = stats
        self.showsPrompt = showsPrompt
    }

    func show(_ event: GenerationEvent) throws {
        switch event {
        case .planned(let hops):
            if self.stats {
                let route = hops.map { "\($0.blocks) on \($0.name)" }.joined(separator: " → ")
                Terminal.say("Chain: \(route)")
            }
        case .prefilled(let tokens, let total):
            self.prefill.update(Double(tokens) / Double(total))
            if tokens == total { try self.print(self.promptText) }
        case .promptText(let text):
            self.promptText = self.showsPrompt ? text : ""
        case .recovered(let recovery):
            // The text goes on where it was, on the next line of a screen.
            Terminal.say((self.hasOpenLine && Terminal.showsOutput ? "\n" : "") + Self.line(recovery))
        case .text(let text):
            try self.print(text)
        }
    }

    private static func line(_ recovery: Recovery) -> String {
        let to = recovery.to.map { "\($0.name)" }.joined(separator: " and ")
        let again = recovery.tokens == 1 ? "1 token" : "\(recovery.tokens) tokens"
        return "Blocks \(recovery.blocks): \(recovery.from) \(recovery.reason); \(to) went on after "
            + "\(Self.milliseconds(recovery.duration)), with \(again) run again"
    }

    private func print(_ text: String) throws {
        guard !self.json, !text.isEmpty else { return }
        try Terminal.print(text, terminator: "")
        self.hasOpenLine = true
    }

    /// Ends the line of a text that goes no further, so that what is said next begins on its own.
    func abandon() {
        // Whoever does not read the text does not miss its end.
        if self.hasOpenLine { try? Terminal.print("") }
    }

    func finish(_ generation: Generation) throws {
        if self.json {
            try Terminal.print(json: GenerationReport(generation))
        } else {
            try Terminal.print("")
        }
        if self.stats { self.printStatistics(generation) }
    }

    private func printStatistics(_ generation: Generation) {
        let statistics = generation.statistics
        let cached = statistics.cachedTokens > 0 ? " (\(statistics.cachedTokens) of them kept)" : ""
        Terminal.say(
            "\(statistics.promptTokens) prompt tokens\(cached), \(statistics.generatedTokens) generated; first token after "
                + "\(Self.milliseconds(statistics.timeToFirstToken)), then "
                + String(format: "%.1f tokens/s", statistics.tokensPerSecond)
        )
        if !statistics.passes.isEmpty {
            let (median, slowest) = (statistics.medianPass, statistics.slowestPass)
            Terminal.say(
                "half of the passes took at most \(Self.milliseconds(median)), the slowest \(Self.milliseconds(slowest))"
            )
        }
        if statistics.failovers > 0 {
            Terminal.say("\(statistics.failovers) failovers, \(statistics.replayedTokens) tokens run again")
        }
        if statistics.guessedTokens > 0 {
            Terminal.say("\(statistics.rightGuesses) of \(statistics.guessedTokens) guessed tokens were right")
        }
        var table = Table(header: ["hop", "blocks", "steps", "compute", "queue", "serialise", "network", "per step"])
        for hop in statistics.hops {
            let parts = [hop.compute, hop.queue, hop.serialise, hop.network]
            let each = parts.reduce(.zero, +) / max(hop.steps, 1)
            table.append(
                [hop.name, "\(hop.blocks)", "\(hop.steps)"] + (parts + [each]).map { Self.milliseconds($0) }
            )
        }
        for line in table.lines { Terminal.say(line) }
        if !generation.isExact {
            Terminal.say("A plain 1.0.0 server took part: a repetition may give other text.")
        }
    }

    private static func milliseconds(_ duration: Duration) -> String {
        String(format: "%.2f ms", duration / .milliseconds(1))
    }
}
