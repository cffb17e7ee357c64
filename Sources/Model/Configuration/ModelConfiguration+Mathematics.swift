package import StrictJSON

extension ModelConfiguration {
    /// Everything that changes the mathematics, in one form however `config.json` spelled it. The model key and the
    /// block digests are taken over its canonical bytes. What the architecture's name implies is not repeated.
    package var mathematics: JSON {
        .object(
            [
                .init("architecture", .string(self.architecture)),
                .init("attention_output_bias", .bool(self.biases.attentionOutput)),
                .init("blocks", .integer(self.blockCount)),
                .init("feed_forward_bias", .bool(self.biases.feedForward)),
                .init("feed_forward_size", .integer(self.feedForwardSize)),
                .init("head_dimension", .integer(self.headDimension)),
                .init("heads", .integer(self.headCount)),
                .init("hidden_size", .integer(self.hiddenSize)),
                .init("key_value_heads", .integer(self.keyValueHeadCount)),
                .init("norm_epsilon", .real(written(self.normEpsilon))),
                .init("query_key_value_bias", .bool(self.biases.queryKeyValue)),
                .init("rotary", self.rotary.mathematics(contextLength: self.contextLength)),
                .init("tied_embeddings", .bool(self.tiesEmbeddings)),
                .init("vocabulary_size", .integer(self.vocabularySize)),
            ] + self.unusualMathematics
        )
    }

    /// What only some models have.
    private var unusualMathematics: [JSON.Member] {
        var members: [JSON.Member] = []
        if let localRotary {
            members.append(.init("local_rotary", localRotary.mathematics(contextLength: self.contextLength)))
        }
        if self.attentionScale != 1 / Float(self.headDimension).squareRoot() {
            members.append(.init("attention_scale", .real(written(self.attentionScale))))
        }
        if let scoreCap { members.append(.init("score_cap", .real(written(scoreCap)))) }
        if let logitCap { members.append(.init("logit_cap", .real(written(logitCap)))) }
        if self.blockKinds.contains(where: { $0 != BlockKind() }) {
            members.append(.init("block_kinds", .array(self.blockKinds.map(\.mathematics))))
        }
        if let experts { members.append(.init("experts", experts.mathematics)) }
        return members
    }
}

extension ModelConfiguration.BlockKind {
    fileprivate var mathematics: JSON {
        .object([
            .init("experts", .bool(self.hasExperts)), .init("rotation", .string(self.rotation.rawValue)),
            .init("window", self.window.map(JSON.integer) ?? .null),
        ])
    }
}

extension ModelConfiguration.Experts {
    fileprivate var mathematics: JSON {
        .object([
            .init("chosen", .integer(self.chosen)), .init("count", .integer(self.count)),
            .init("feed_forward_size", .integer(self.feedForwardSize)),
            .init("normalizes_weights", .bool(self.normalizesWeights)),
            .init("shared_feed_forward_size", self.sharedFeedForwardSize.map(JSON.integer) ?? .null),
        ])
    }
}

/// The shortest decimal of the f32 that is computed with, so that 1e-5 is named 1e-05 and not 9.99…e-06.
private func written(_ value: Float) -> Double { Double("\(value)") ?? Double(value) }
