/// One transformer layer: weights that never change, shared by every pass.
struct TransformerBlock: Sendable {
    let index: Int
    let attentionNorm: Norm
    let attention: Attention
    let attentionResultNorm: Norm?
    let feedForwardNorm: Norm
    let feedForward: FeedForward
    let feedForwardResultNorm: Norm?
    /// The unit of the stream, a power of two.
    let streamScale: Float

    /// Turns the stream x in place into h + feedForward(norm(h)), where h = x + attention(norm(x)). Some families norm
    /// what is added, too.
    func callAsFunction(_ x: Rows, _ pass: Pass) {
        let attended = self.attention(self.attentionNorm(x, pass), block: self.index, pass)
        self.attentionResultNorm?.replace(attended, pass)
        pass.add(attended, times: self.streamScale, to: x)
        let fed = self.feedForward(self.feedForwardNorm(x, pass), pass)
        self.feedForwardResultNorm?.replace(fed, pass)
        pass.add(fed, times: self.streamScale, to: x)
    }

    /// The numbers that a pass of one token reads.
    var weightCount: Int {
        [self.attention.query, self.attention.key, self.attention.value, self.attention.output]
            .reduce(self.feedForward.weightCount) { $0 + $1.weightCount }
    }
}

/// product(norm(x)): from the last block's output to the logits, capped in some families.
struct Head: Sendable {
    let norm: Norm
    let product: Product
    let cap: Float?
}
