/// A tensor that the mathematics needs: the name that Hugging Face gives it, and its shape.
package struct TensorDescription: Equatable, Sendable {
    package var name: String
    package var shape: [Int]
    /// Whether neither its numbers nor its activations may be quantised: a router's choices hang on small differences,
    /// and an embedding that is only looked up would gain nothing.
    var staysExact = false

    init(_ name: String, _ shape: Int...) {
        self.name = name
        self.shape = shape
    }
}

/// What a product multiplies with: a stored matrix or some of its rows, and the bias that is added.
struct ProductDescription: Equatable, Sendable {
    var weight: TensorDescription
    var rows: Range<Int>
    var bias: TensorDescription?

    init(_ name: String, _ rows: Int, _ columns: Int, hasBias: Bool = false, staysExact: Bool = false) {
        self.weight = TensorDescription("\(name).weight", rows, columns)
        self.weight.staysExact = staysExact
        self.rows = 0..<rows
        self.bias = hasBias ? TensorDescription("\(name).bias", rows) : nil
    }

    /// A matrix without a bias.
    init(all weight: TensorDescription) {
        self.init(fused: weight, rows: 0..<weight.shape[0])
    }

    /// Some rows of a matrix that holds several products.
    init(fused weight: TensorDescription, rows: Range<Int>) {
        self.weight = weight
        self.rows = rows
    }

    var tensors: [TensorDescription] { [self.weight] + [self.bias].compactMap(\.self) }
}

extension ModelConfiguration {
    /// Everything that blocks in `range` are computed from. The embedding belongs to block 0, the last norm and the
    /// head to the last block; a tied head is the embedding again.
    func tensors(of range: Range<Int>) -> [TensorDescription] {
        range.flatMap(self.tensors(ofBlock:))
    }

    func tensors(ofBlock block: Int) -> [TensorDescription] {
        var tensors = self.description(ofBlock: block).tensors
        if block == 0 { tensors.append(self.embedding) }
        if block == self.blockCount - 1 {
            tensors.append(self.lastNorm)
            if !(block == 0 && self.tiesEmbeddings) { tensors.append(self.head) }
        }
        return tensors
    }

    var embedding: TensorDescription {
        var tensor = TensorDescription("model.embed_tokens.weight", self.vocabularySize, self.hiddenSize)
        tensor.staysExact = !self.tiesEmbeddings
        return tensor
    }

    var lastNorm: TensorDescription { TensorDescription("model.norm.weight", self.hiddenSize) }

    var head: TensorDescription {
        self.tiesEmbeddings
            ? self.embedding : TensorDescription("lm_head.weight", self.vocabularySize, self.hiddenSize)
    }
}
