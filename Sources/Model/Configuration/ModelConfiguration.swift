/// Everything that a model's mathematics depends on, resolved to plain values.
///
/// Read from a `config.json`, or filled from other files' metadata; `validate` says whether it can be computed.
public struct ModelConfiguration: Equatable, Sendable {
    /// What all models of its architecture have in common.
    package var family: Family
    /// The width of the residual stream.
    public var hiddenSize: Int
    /// The width between the projections of a dense feed-forward.
    public var feedForwardSize: Int
    public var blockCount: Int
    public var vocabularySize: Int
    /// The most positions of a sequence. Scalings that depend on length follow it, never the current length.
    public var contextLength: Int
    /// Query heads.
    public var headCount: Int
    /// Heads of keys and values; each serves `headCount / keyValueHeadCount` query heads.
    public var keyValueHeadCount: Int
    public var headDimension: Int
    /// What is added to the mean square under the root of a norm.
    public var normEpsilon: Float
    public var rotary: RotaryEmbedding
    /// In the blocks whose rotation is local.
    public var localRotary: RotaryEmbedding?
    public var biases: Biases
    /// Whether the embedding's matrix is also the head's.
    public var tiesEmbeddings: Bool
    /// What sets blocks apart from one another, one for every block.
    public var blockKinds: [BlockKind]
    /// What blocks with a mixture of experts have in common.
    public var experts: Experts?
    /// What products of queries and keys are multiplied by.
    public var attentionScale: Float
    /// Scores s become cap · tanh(s / cap).
    public var scoreCap: Float?
    public var logitCap: Float?
    /// Any of these ends a text. Not mathematics: decided by whoever samples.
    public var endOfSequenceTokens: Set<UInt32>
    public var beginOfSequenceToken: UInt32?

    /// Which products add a bias.
    public struct Biases: Equatable, Sendable {
        public var queryKeyValue: Bool
        public var attentionOutput: Bool
        public var feedForward: Bool
    }

    public struct BlockKind: Equatable, Sendable {
        /// The most positions that a token sees, itself the last of them; nil where it sees all.
        public var window: Int?
        public var rotation = Rotation.whole
        /// Whether a mixture of experts stands in the place of the feed-forward.
        public var hasExperts = false
    }

    /// How a block turns queries and keys.
    public enum Rotation: String, Equatable, Sendable {
        /// By `rotary`.
        case whole
        /// By `localRotary`.
        case local
        /// Not at all.
        case none
    }

    /// Feed-forwards of which each token takes the few that a router picks (DESIGN.md §6.9).
    public struct Experts: Equatable, Sendable {
        public var count: Int
        /// How many a token takes.
        public var chosen: Int
        public var feedForwardSize: Int
        /// Whether the weights of the chosen are divided by their sum.
        public var normalizesWeights: Bool
        /// The width of one more feed-forward that all tokens take, through a gate of its own.
        public var sharedFeedForwardSize: Int?
    }

    /// As in `architectures`, for example `LlamaForCausalLM`.
    public var architecture: String { self.family.architecture }
    /// The width of all query heads together.
    package var queryWidth: Int { self.headCount * self.headDimension }
    /// The width of all key heads together.
    package var keyValueWidth: Int { self.keyValueHeadCount * self.headDimension }
    /// The width of the widest feed-forward, be it an expert's.
    package var widestFeedForward: Int {
        max(self.feedForwardSize, self.experts?.feedForwardSize ?? 0, self.experts?.sharedFeedForwardSize ?? 0)
    }
    /// What the stream is multiplied by so that it fits f16: a power of two (DESIGN.md §6.1).
    package var streamScale: Float { 1 / Float(1 << self.family.streamExponent) }
    /// What embeddings are multiplied by on their way into the stream.
    package var embeddingScale: Float {
        (self.family.scalesEmbedding ? Float(self.hiddenSize).squareRoot() : 1) * self.streamScale
    }
}
