import Coordinator

/// What `generate --json` prints.
struct GenerationReport: Encodable {
    var promptTokenIDs: [UInt32]
    var tokenIDs: [UInt32]
    var text: String
    var finishReason: String
    var exact: Bool
    var promptTokens: Int
    var cachedTokens: Int
    var generatedTokens: Int
    var timeToFirstTokenMilliseconds: Double
    var tokensPerSecond: Double
    var medianPassMilliseconds: Double
    var slowestPassMilliseconds: Double
    var failovers: Int
    var replayedTokens: Int
    var guessedTokens: Int
    var rightGuesses: Int
    var hops: [Hop]

    struct Hop: Encodable {
        var peer: String
        var blocks: String
        var steps: Int
        var computeMilliseconds: Double
        var queueMilliseconds: Double
        var serialiseMilliseconds: Double
        var networkMilliseconds: Double

        enum CodingKeys: String, CodingKey {
            case peer, blocks, steps
            case computeMilliseconds = "compute_ms"
            case queueMilliseconds = "queue_ms"
            case serialiseMilliseconds = "serialise_ms"
            case networkMilliseconds = "network_ms"
        }
    }

    enum CodingKeys: String, CodingKey {
        case text, exact, failovers, hops
        case promptTokenIDs = "prompt_token_ids"
        case tokenIDs = "token_ids"
        case finishReason = "finish_reason"
        case promptTokens = "prompt_tokens"
        case cachedTokens = "cached_tokens"
        case generatedTokens = "generated_tokens"
        case timeToFirstTokenMilliseconds = "time_to_first_token_ms"
        case tokensPerSecond = "tokens_per_second"
        case medianPassMilliseconds = "median_pass_ms"
        case slowestPassMilliseconds = "slowest_pass_ms"
        case replayedTokens = "replayed_tokens"
        case guessedTokens = "guessed_tokens"
        case rightGuesses = "right_guesses"
    }

    init(_ generation: Generation) {
        let statistics = generation.statistics
        self.promptTokenIDs = generation.promptTokens
        self.tokenIDs = generation.tokens
        self.text = generation.text
        self.finishReason = generation.finishReason.rawValue
        self.exact = generation.isExact
        self.promptTokens = statistics.promptTokens
        self.cachedTokens = statistics.cachedTokens
        self.generatedTokens = statistics.generatedTokens
        self.timeToFirstTokenMilliseconds = statistics.timeToFirstToken / .milliseconds(1)
        self.tokensPerSecond = statistics.tokensPerSecond
        self.medianPassMilliseconds = statistics.medianPass / .milliseconds(1)
        self.slowestPassMilliseconds = statistics.slowestPass / .milliseconds(1)
        self.failovers = statistics.failovers
        self.replayedTokens = statistics.replayedTokens
        self.guessedTokens = statistics.guessedTokens
        self.rightGuesses = statistics.rightGuesses
        self.hops = statistics.hops.map { hop in
            Hop(
                peer: hop.name,
                blocks: "\(hop.blocks)",
                steps: hop.steps,
                computeMilliseconds: hop.compute / .milliseconds(1),
                queueMilliseconds: hop.queue / .milliseconds(1),
                serialiseMilliseconds: hop.serialise / .milliseconds(1),
                networkMilliseconds: hop.network / .milliseconds(1)
            )
        }
    }
}
