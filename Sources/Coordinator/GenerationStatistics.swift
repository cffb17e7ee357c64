public import ShardProtocol

/// How long a generation took, and where the time went.
public struct GenerationStatistics: Sendable {
    /// One machine of the chain.
    public struct Hop: Sendable {
        public let name: String
        public let blocks: BlockRange
        public internal(set) var steps = 0
        /// Running blocks, as the hop measured it.
        public internal(set) var compute = Duration.zero
        /// Waiting on the hop for its turn, as the hop measured it.
        public internal(set) var queue = Duration.zero
        /// The rest of the round trips: network, encryption and codecs.
        public internal(set) var network = Duration.zero
    }

    public internal(set) var hops: [Hop]
    public internal(set) var promptTokens: Int
    /// Prompt tokens that the chain had run before, in an earlier turn of a conversation.
    public internal(set) var cachedTokens: Int
    public internal(set) var generatedTokens = 0
    /// From the start of prefill to the first token.
    public internal(set) var timeToFirstToken = Duration.zero
    /// From the first token to the last.
    public internal(set) var decoding = Duration.zero

    /// Tokens a second after the first; zero when there was only one.
    public var tokensPerSecond: Double {
        let seconds = self.decoding / .seconds(1)
        return seconds > 0 ? Double(self.generatedTokens - 1) / seconds : 0
    }

    init(chain: Chain, promptTokens: Int, cachedTokens: Int = 0) {
        self.hops = chain.spans.map { Hop(name: $0.name, blocks: $0.blocks) }
        self.promptTokens = promptTokens
        self.cachedTokens = cachedTokens
    }

    mutating func add(_ timings: [StepTiming]) {
        for (index, timing) in timings.enumerated() {
            self.hops[index].steps += 1
            self.hops[index].compute += timing.compute
            self.hops[index].queue += timing.queue
            self.hops[index].network += timing.network
        }
    }
}
