public import ShardProtocol
import SwarmCore

/// How long a generation took, and where the time went.
public struct GenerationStatistics: Sendable {
    /// One machine of the chain.
    public struct Hop: Sendable {
        let id: HopID
        public let name: String
        public let blocks: BlockRange
        public internal(set) var steps = 0
        /// Running blocks, as the hop measured it.
        public internal(set) var compute = Duration.zero
        /// Waiting on the hop for its turn, as the hop measured it.
        public internal(set) var queue = Duration.zero
        /// Writing steps and reading answers, in this process.
        public internal(set) var serialise = Duration.zero
        /// The rest of the round trips: network, encryption, and what the hop reads and writes.
        public internal(set) var network = Duration.zero
    }

    /// A pass after the first token.
    public struct Pass: Sendable {
        /// From the token before it to its own, with what the reader of reports held it up.
        public var duration: Duration
        /// Running blocks on all hops, as they measured it.
        public var compute: Duration
        /// Drawing the token and making text of it, in this process.
        public var drawing: Duration
    }

    /// In the order of their blocks; a span that went to other peers has a row for each of them.
    public internal(set) var hops: [Hop]
    /// How often a span went to other peers.
    public internal(set) var failovers = 0
    /// Tokens that were run again because of that.
    public internal(set) var replayedTokens = 0
    /// Steps that came to their hop from the one before.
    public internal(set) var pushedSteps = 0
    public internal(set) var promptTokens: Int
    /// Prompt tokens that the chain had run before, in an earlier turn of a conversation.
    public internal(set) var cachedTokens: Int
    public internal(set) var generatedTokens = 0
    /// Tokens that were guessed and sent along with the next one, and how many of them were drawn.
    public internal(set) var guessedTokens = 0
    public internal(set) var rightGuesses = 0
    /// From the start of prefill to the first token.
    public internal(set) var timeToFirstToken = Duration.zero
    /// One for each pass after the first token, so no more than tokens were generated.
    public internal(set) var passes: [Pass] = []
    /// From the first token to the last.
    public var decoding: Duration { self.passes.reduce(.zero) { $0 + $1.duration } }

    /// Half of the passes took no longer; zero when there was none.
    public var medianPass: Duration { self.median { $0.duration } }

    /// The median over the passes of what `value` says.
    public func median(_ value: (Pass) -> Duration) -> Duration {
        let values = self.passes.map(value).sorted()
        return values.isEmpty ? .zero : values[values.count / 2]
    }

    /// Zero when there was none.
    public var slowestPass: Duration { self.passes.map(\.duration).max() ?? .zero }

    /// Tokens a second after the first; zero when there was only one.
    public var tokensPerSecond: Double {
        let seconds = self.decoding / .seconds(1)
        return seconds > 0 ? Double(self.generatedTokens - 1) / seconds : 0
    }

    init(chain: Chain, promptTokens: Int, cachedTokens: Int = 0) {
        self.hops = chain.hops.map { Hop(id: $0.id, name: $0.span.name, blocks: $0.span.blocks) }
        self.promptTokens = promptTokens
        self.cachedTokens = cachedTokens
    }

    /// Counts a pass, after which `chain` consists of these hops.
    mutating func add(_ result: Chain.Result, of chain: Chain) {
        if !result.recoveries.isEmpty { self.add(result.recoveries, chain) }
        self.pushedSteps += result.pushedSteps
        for (id, timing) in result.timings {
            guard let index = self.hops.firstIndex(where: { $0.id == id }) else { continue }
            self.hops[index].steps += 1
            self.hops[index].compute += timing.compute
            self.hops[index].queue += timing.queue
            self.hops[index].serialise += timing.serialise
            self.hops[index].network += timing.network
        }
    }

    private mutating func add(_ recoveries: [Recovery], _ chain: Chain) {
        self.failovers += recoveries.count
        self.replayedTokens += recoveries.reduce(0) { $0 + $1.tokens }
        for (id, span) in chain.hops where !self.hops.contains(where: { $0.id == id }) {
            let place = self.hops.firstIndex { $0.blocks.lowerBound > span.blocks.lowerBound } ?? self.hops.count
            self.hops.insert(Hop(id: id, name: span.name, blocks: span.blocks), at: place)
        }
    }
}
