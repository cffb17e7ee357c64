internal import CKernels

/// down(silu(gate(x)) · up(x)).
struct FeedForward: Sendable {
    let gate: Product
    let up: Product
    let down: Product

    func callAsFunction(_ x: Rows, _ pass: Pass) -> Rows {
        let gated = pass.rows(pass.scratch.gate, width: self.gate.rows)
        let raised = pass.rows(pass.scratch.up, width: self.up.rows)
        pass.split(self.gate.rows, grain: Product.rowsPerGrain) { rows in
            self.gate.multiply(x, rows: rows, into: gated, pass)
            self.up.multiply(x, rows: rows, into: raised, pass)
            for token in 0..<x.count {
                kw_gate(
                    pass.kernels.table,
                    kw_silu,
                    gated[token] + rows.lowerBound,
                    raised[token] + rows.lowerBound,
                    rows.count
                )
            }
        }
        let y = pass.rows(pass.scratch.projected, width: self.down.rows)
        self.down(gated, into: y, pass)
        return y
    }
}
