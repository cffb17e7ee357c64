/// The tensors of one block, by what they do in it.
struct BlockDescription: Equatable, Sendable {
    var attentionNorm: TensorDescription
    var query: ProductDescription
    var key: ProductDescription
    var value: ProductDescription
    var output: ProductDescription
    var queryNorm: TensorDescription?
    var keyNorm: TensorDescription?
    /// Of what attention gives.
    var attentionResultNorm: TensorDescription?
    var feedForwardNorm: TensorDescription
    var feedForward: FeedForward
    /// Of what the feed-forward gives.
    var feedForwardResultNorm: TensorDescription?

    enum FeedForward: Equatable, Sendable {
        case dense(Gated)
        case experts(Mixture)
    }

    /// down(activation(gate(x)) · up(x)).
    struct Gated: Equatable, Sendable {
        var gate: ProductDescription
        var up: ProductDescription
        var down: ProductDescription

        var products: [ProductDescription] { [self.gate, self.up, self.down] }
    }

    struct Mixture: Equatable, Sendable {
        var router: ProductDescription
        var experts: [Gated]
        var shared: Gated?
        var sharedGate: ProductDescription?

        var products: [ProductDescription] {
            [self.router] + self.experts.flatMap(\.products) + (self.shared?.products ?? [])
                + [self.sharedGate].compactMap(\.self)
        }
    }

    /// Each once, also where several products share one.
    var tensors: [TensorDescription] {
        let feedForward =
            switch self.feedForward {
            case .dense(let gated): gated.products
            case .experts(let mixture): mixture.products
            }
        let attention = [self.query, self.key, self.value, self.output].flatMap(\.tensors)
        let norms = [self.queryNorm, self.keyNorm, self.attentionResultNorm, self.feedForwardNorm].compactMap(\.self)
        var names: Set<String> = []
        return
            ([self.attentionNorm] + attention + norms + feedForward.flatMap(\.tensors)
            + [self.feedForwardResultNorm].compactMap(\.self)).filter { names.insert($0.name).inserted }
    }
}

extension ModelConfiguration {
    func description(ofBlock block: Int) -> BlockDescription {
        let name = "model.layers.\(block)"
        let (family, hidden) = (self.family, self.hiddenSize)
        func norm(_ word: String) -> TensorDescription { TensorDescription("\(name).\(word)_layernorm.weight", hidden) }
        let attention = self.attentionProducts("\(name).self_attn")
        let headNorms = ["q", "k"].map { letter in
            family.normsQueriesAndKeys
                ? TensorDescription("\(name).self_attn.\(letter)_norm.weight", self.headDimension) : nil
        }
        return BlockDescription(
            attentionNorm: norm("input"),
            query: attention.query,
            key: attention.key,
            value: attention.value,
            output: ProductDescription(
                "\(name).self_attn.o_proj",
                hidden,
                self.queryWidth,
                hasBias: self.biases.attentionOutput
            ),
            queryNorm: headNorms[0],
            keyNorm: headNorms[1],
            attentionResultNorm: family.normsResults ? norm("post_attention") : nil,
            feedForwardNorm: norm(family.normsResults ? "pre_feedforward" : "post_attention"),
            feedForward: self.feedForward(ofBlock: block, name),
            feedForwardResultNorm: family.normsResults ? norm("post_feedforward") : nil
        )
    }

    private func attentionProducts(
        _ name: String
    ) -> (query: ProductDescription, key: ProductDescription, value: ProductDescription) {
        let (queries, keys) = (self.queryWidth, self.keyValueWidth)
        guard self.family.fusesProjections else {
            func product(_ letter: String, _ rows: Int) -> ProductDescription {
                let hasBias = self.biases.queryKeyValue
                return ProductDescription("\(name).\(letter)_proj", rows, self.hiddenSize, hasBias: hasBias)
            }
            return (product("q", queries), product("k", keys), product("v", keys))
        }
        let fused = TensorDescription("\(name).qkv_proj.weight", queries + 2 * keys, self.hiddenSize)
        return (
            ProductDescription(fused: fused, rows: 0..<queries),
            ProductDescription(fused: fused, rows: queries..<queries + keys),
            ProductDescription(fused: fused, rows: queries + keys..<queries + 2 * keys)
        )
    }

    private func feedForward(ofBlock block: Int, _ name: String) -> BlockDescription.FeedForward {
        guard self.blockKinds[block].hasExperts, let experts, let names = self.family.experts else {
            return .dense(self.gated("\(name).mlp", width: self.feedForwardSize))
        }
        switch names {
        case .mixtral:
            let mixture = "\(name).block_sparse_moe"
            return .experts(
                BlockDescription.Mixture(
                    router: ProductDescription("\(mixture).gate", experts.count, self.hiddenSize, staysExact: true),
                    experts: (0..<experts.count).map { expert in
                        self.gated("\(mixture).experts.\(expert)", width: experts.feedForwardSize, ["w1", "w3", "w2"])
                    }
                )
            )
        case .qwen:
            let mixture = "\(name).mlp"
            return .experts(
                BlockDescription.Mixture(
                    router: ProductDescription("\(mixture).gate", experts.count, self.hiddenSize, staysExact: true),
                    experts: (0..<experts.count).map { expert in
                        self.gated("\(mixture).experts.\(expert)", width: experts.feedForwardSize)
                    },
                    shared: experts.sharedFeedForwardSize.map { self.gated("\(mixture).shared_expert", width: $0) },
                    sharedGate: experts.sharedFeedForwardSize.map { _ in
                        ProductDescription("\(mixture).shared_expert_gate", 1, self.hiddenSize, staysExact: true)
                    }
                )
            )
        }
    }

    private func gated(
        _ name: String,
        width: Int,
        _ words: [String] = ["gate_proj", "up_proj", "down_proj"]
    ) -> BlockDescription.Gated {
        let (hidden, hasBias) = (self.hiddenSize, self.biases.feedForward)
        let down = ProductDescription("\(name).\(words[2])", hidden, width, hasBias: hasBias)
        guard self.family.fusesProjections else {
            return BlockDescription.Gated(
                gate: ProductDescription("\(name).\(words[0])", width, hidden, hasBias: hasBias),
                up: ProductDescription("\(name).\(words[1])", width, hidden, hasBias: hasBias),
                down: down
            )
        }
        let fused = TensorDescription("\(name).gate_up_proj.weight", 2 * width, hidden)
        return BlockDescription.Gated(
            gate: ProductDescription(fused: fused, rows: 0..<width),
            up: ProductDescription(fused: fused, rows: width..<2 * width),
            down: down
        )
    }
}
