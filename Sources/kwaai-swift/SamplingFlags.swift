import ArgumentParser
import Coordinator

/// How the next token is drawn.
struct SamplingFlags: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "0 always takes the likeliest token; higher is more varied. (default: 0.7)",
            valueName: "number"
        )
    )
    var temperature: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Draw from the likeliest tokens that together hold this probability. (default: 1)",
            valueName: "share"
        )
    )
    var topP: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Draw from this many of the likeliest tokens; 0 takes all. (default: 0)", valueName: "count")
    )
    var topK: Int?

    @Option(help: ArgumentHelp("The same seed gives the same text; random when it is not given.", valueName: "number"))
    var seed: UInt64?

    func options(_ settings: Settings) throws -> SamplingOptions {
        SamplingOptions(
            temperature: try self.temperature ?? settings.value(.temperature) ?? 0.7,
            topK: try self.topK ?? settings.value(.topK) ?? 0,
            topP: try self.topP ?? settings.value(.topP) ?? 1,
            seed: try self.seed ?? settings.value(.seed) ?? UInt64.random(in: 0...UInt64(UInt32.max))
        )
    }
}
