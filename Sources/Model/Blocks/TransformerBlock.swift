/// One transformer layer: weights that never change, shared by every pass.
struct TransformerBlock: Sendable {
    let index: Int
    let attentionNorm: Norm
    let attention: Attention
    let feedForwardNorm: Norm
    let feedForward: FeedForward

    /// Turns the stream x in place into h + feedForward(norm(h)), where h = x + attention(norm(x)).
    func callAsFunction(_ x: Rows, _ pass: Pass) {
        pass.add(self.attention(self.attentionNorm(x, pass), block: self.index, pass), to: x)
        pass.add(self.feedForward(self.feedForwardNorm(x, pass), pass), to: x)
    }

    /// The numbers that every pass reads.
    var weightCount: Int {
        [self.attention.query, self.attention.key, self.attention.value, self.attention.output]
            .reduce(0) { $0 + $1.weightCount } + 3 * self.feedForward.gate.weightCount
    }
}
