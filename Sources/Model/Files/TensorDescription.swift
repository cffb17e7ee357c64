/// A tensor that the mathematics needs: the name that Hugging Face gives it, and its shape.
package struct TensorDescription: Equatable, Sendable {
    package var name: String
    package var shape: [Int]

    init(_ name: String, _ shape: Int...) {
        self.name = name
        self.shape = shape
    }
}

extension ModelConfiguration {
    /// Everything that blocks in `range` are computed from. The embedding belongs to block 0, the last norm and the
    /// head to the last block; a tied head is the embedding again.
    func tensors(of range: Range<Int>) -> [TensorDescription] {
        range.flatMap(self.tensors(ofBlock:))
    }

    func tensors(ofBlock block: Int) -> [TensorDescription] {
        var tensors = self.attentionTensors(block) + self.feedForwardTensors(block)
        if block == 0 { tensors.append(self.embedding) }
        if block == self.blockCount - 1 {
            tensors.append(self.lastNorm)
            if !(block == 0 && self.tiesEmbeddings) { tensors.append(self.head) }
        }
        return tensors
    }

    var embedding: TensorDescription {
        TensorDescription("model.embed_tokens.weight", self.vocabularySize, self.hiddenSize)
    }

    var lastNorm: TensorDescription { TensorDescription("model.norm.weight", self.hiddenSize) }

    var head: TensorDescription {
        self.tiesEmbeddings
            ? self.embedding : TensorDescription("lm_head.weight", self.vocabularySize, self.hiddenSize)
    }

    private func attentionTensors(_ block: Int) -> [TensorDescription] {
        let name = "model.layers.\(block)"
        let widths = [("q", self.queryWidth), ("k", self.keyValueWidth), ("v", self.keyValueWidth)]
        var tensors = [TensorDescription("\(name).input_layernorm.weight", self.hiddenSize)]
        for (letter, width) in widths {
            tensors.append(TensorDescription("\(name).self_attn.\(letter)_proj.weight", width, self.hiddenSize))
            if self.biases.queryKeyValue {
                tensors.append(TensorDescription("\(name).self_attn.\(letter)_proj.bias", width))
            }
        }
        tensors.append(TensorDescription("\(name).self_attn.o_proj.weight", self.hiddenSize, self.queryWidth))
        if self.biases.attentionOutput {
            tensors.append(TensorDescription("\(name).self_attn.o_proj.bias", self.hiddenSize))
        }
        return tensors
    }

    private func feedForwardTensors(_ block: Int) -> [TensorDescription] {
        let name = "model.layers.\(block)"
        var tensors = [TensorDescription("\(name).post_attention_layernorm.weight", self.hiddenSize)]
        let products = [
            ("gate", self.feedForwardSize, self.hiddenSize), ("up", self.feedForwardSize, self.hiddenSize),
            ("down", self.hiddenSize, self.feedForwardSize),
        ]
        for (word, rows, columns) in products {
            tensors.append(TensorDescription("\(name).mlp.\(word)_proj.weight", rows, columns))
            if self.biases.feedForward { tensors.append(TensorDescription("\(name).mlp.\(word)_proj.bias", rows)) }
        }
        return tensors
    }
}
