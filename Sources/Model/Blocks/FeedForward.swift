internal import CKernels

/// What a block does to each token by itself.
enum FeedForward: Sendable {
    case dense(GatedFeedForward)
    case experts(MixtureOfExperts)

    func callAsFunction(_ x: Rows, _ pass: Pass) -> Rows {
        switch self {
        case .dense(let feedForward): feedForward(x, pass)
        case .experts(let mixture): mixture(x, pass)
        }
    }

    /// The numbers that a token is multiplied with.
    var weightCount: Int {
        switch self {
        case .dense(let feedForward): feedForward.weightCount
        case .experts(let mixture): mixture.weightCount
        }
    }
}

/// down(activation(gate(x)) · up(x)).
struct GatedFeedForward: Sendable {
    let gate: Product
    let up: Product
    let down: Product
    let activation: kw_activation

    func callAsFunction(_ x: Rows, _ pass: Pass) -> Rows {
        let gated = Rows(start: pass.scratch.gate.start, count: x.count, width: self.gate.rows)
        let raised = Rows(start: pass.scratch.up.start, count: x.count, width: self.up.rows)
        let x = pass.operand(x, isQuantised: self.gate.isQuantised || self.up.isQuantised)
        pass.split(self.gate.rows, grain: Product.rowsPerGrain) { rows in
            self.gate.multiply(x, rows: rows, into: gated, pass)
            self.up.multiply(x, rows: rows, into: raised, pass)
            for token in 0..<gated.count {
                kw_gate(
                    pass.kernels.table,
                    self.activation,
                    gated[token] + rows.lowerBound,
                    raised[token] + rows.lowerBound,
                    rows.count
                )
            }
        }
        let y = Rows(start: pass.scratch.projected.start, count: gated.count, width: self.down.rows)
        self.down(gated, into: y, pass)
        return y
    }

    var weightCount: Int { 3 * self.gate.weightCount }
}
