extension ModelConfiguration {
    /// Throws where these numbers make no sense together or go beyond `Limits`, wherever they came from.
    ///
    /// - Parameter name: of the file that they came from, for messages.
    package func validate(name: String) throws(ModelError) {
        func require(_ condition: Bool, _ message: String) throws(ModelError) {
            guard condition else { throw ModelError(.invalidConfiguration, "\(name): \(message).") }
        }
        func require(_ value: Int, within limit: Int, _ what: String) throws(ModelError) {
            try require((1...limit).contains(value), "\(what) must be 1 to \(limit), not \(value)")
        }
        try require(self.hiddenSize, within: Limits.width, "\"hidden_size\"")
        try require(self.feedForwardSize, within: Limits.width, "\"intermediate_size\"")
        try require(self.blockCount, within: Limits.blockCount, "\"num_hidden_layers\"")
        try require(self.vocabularySize, within: Limits.vocabularySize, "\"vocab_size\"")
        try require(self.contextLength, within: Limits.contextLength, "\"max_position_embeddings\"")
        try require(self.headCount, within: Limits.headCount, "\"num_attention_heads\"")
        try require(self.keyValueHeadCount, within: Limits.headCount, "\"num_key_value_heads\"")
        try require(self.headDimension > 0, "\"hidden_size\" is smaller than \"num_attention_heads\"")
        try require(self.headDimension <= Limits.headDimension, "heads wider than \(Limits.headDimension)")
        try require(self.headDimension.isMultiple(of: 2), "\"head_dim\" must be even, since RoPE turns pairs")
        try require(
            self.headCount.isMultiple(of: self.keyValueHeadCount),
            "\"num_attention_heads\" must be a multiple of \"num_key_value_heads\""
        )
        try require(self.queryWidth <= Limits.width, "all heads together are wider than \(Limits.width)")
        try require(self.normEpsilon > 0 && self.normEpsilon.isFinite, "\"rms_norm_eps\" must be above 0")
        try require(self.attentionScale > 0 && self.attentionScale.isFinite, "attention needs a scale above 0")
        for cap in [self.scoreCap, self.logitCap].compactMap(\.self) {
            try require(cap > 0 && cap.isFinite, "a soft cap must be above 0")
        }
        for rotary in [self.rotary, self.localRotary].compactMap(\.self) {
            if let problem = rotary.problem(dimension: self.headDimension) { try require(false, problem) }
        }
        try self.validateBlocks(require)
    }

    private func validateBlocks(_ require: (Bool, String) throws(ModelError) -> Void) throws(ModelError) {
        try require(self.blockKinds.count == self.blockCount, "every block needs a kind")
        try require(self.blockKinds.allSatisfy { $0.window ?? 1 > 0 }, "a window must hold a token")
        try require(
            self.localRotary != nil || self.blockKinds.allSatisfy { $0.rotation != .local },
            "blocks with a local rotation need one"
        )
        let sparse = self.blockKinds.count { $0.hasExperts }
        guard let experts else { return try require(sparse == 0, "blocks with experts need them described") }
        try require(self.family.experts != nil, "\(self.architecture) has no experts")
        try require((1...Limits.experts).contains(experts.count), "a block may have 1 to \(Limits.experts) experts")
        try require((1...experts.count).contains(experts.chosen), "a token must take 1 to \(experts.count) experts")
        try require(experts.count * sparse <= Limits.expertsOfModel, "more than \(Limits.expertsOfModel) experts")
        for size in [experts.feedForwardSize, experts.sharedFeedForwardSize].compactMap(\.self) {
            try require((1...Limits.width).contains(size), "experts must be 1 to \(Limits.width) wide")
        }
    }
}
