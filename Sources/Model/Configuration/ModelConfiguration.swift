package import StrictJSON

/// What `config.json` says of a model: everything that its mathematics depends on, resolved to plain values.
public struct ModelConfiguration: Equatable, Sendable {
    /// As in `architectures`, for example `LlamaForCausalLM`.
    public var architecture: String
    /// The width of the residual stream.
    public var hiddenSize: Int
    /// The width between the projections of a feed-forward.
    public var feedForwardSize: Int
    public var blockCount: Int
    public var vocabularySize: Int
    /// The positions that the model was made for.
    public var contextLength: Int
    /// Query heads.
    public var headCount: Int
    /// Heads of keys and values; each serves `headCount / keyValueHeadCount` query heads.
    public var keyValueHeadCount: Int
    public var headDimension: Int
    /// What is added to the mean square under the root of a norm.
    public var normEpsilon: Float
    public var rotary: RotaryEmbedding
    public var biases: Biases
    /// Whether the embedding's matrix is also the head's.
    public var tiesEmbeddings: Bool
    /// Any of these ends a text. Not mathematics: decided by whoever samples.
    public var endOfSequenceTokens: Set<UInt32>
    public var beginOfSequenceToken: UInt32?

    /// Which products add a bias.
    public struct Biases: Equatable, Sendable {
        public var queryKeyValue: Bool
        public var attentionOutput: Bool
        public var feedForward: Bool
    }

    /// The width of all query heads together.
    package var queryWidth: Int { self.headCount * self.headDimension }
    /// The width of all key heads together.
    package var keyValueWidth: Int { self.keyValueHeadCount * self.headDimension }
}

extension ModelConfiguration {
    /// Everything that changes the mathematics, in one form however `config.json` spelled it. The model key and the
    /// block digests are taken over its canonical bytes.
    package var mathematics: JSON {
        .object([
            .init("architecture", .string(self.architecture)),
            .init("attention_output_bias", .bool(self.biases.attentionOutput)),
            .init("blocks", .integer(self.blockCount)),
            .init("feed_forward_bias", .bool(self.biases.feedForward)),
            .init("feed_forward_size", .integer(self.feedForwardSize)),
            .init("head_dimension", .integer(self.headDimension)),
            .init("heads", .integer(self.headCount)),
            .init("hidden_size", .integer(self.hiddenSize)),
            .init("key_value_heads", .integer(self.keyValueHeadCount)),
            .init("norm_epsilon", .real(self.writtenEpsilon)),
            .init("query_key_value_bias", .bool(self.biases.queryKeyValue)),
            .init("rotary", self.rotary.mathematics),
            .init("tied_embeddings", .bool(self.tiesEmbeddings)),
            .init("vocabulary_size", .integer(self.vocabularySize)),
        ])
    }

    /// The shortest decimal of the f32 that is computed with, so that 1e-5 is named 1e-05 and not 9.99…e-06.
    private var writtenEpsilon: Double { Double("\(self.normEpsilon)") ?? Double(self.normEpsilon) }
}
