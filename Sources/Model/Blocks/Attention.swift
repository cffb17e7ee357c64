internal import CKernels

/// output(softmax(capped(scale · rotated query · rotated keys)) · values), each query head with its group's key head.
struct Attention: Sendable {
    let query: Product
    let key: Product
    let value: Product
    let output: Product
    /// Norms of each head before it is turned.
    let queryNorm: Norm?
    let keyNorm: Norm?
    let headCount: Int
    let keyValueHeadCount: Int
    let headDimension: Int
    let rotation: ModelConfiguration.Rotation
    /// The most positions that a token sees; nil where it sees all.
    let window: Int?
    let scale: Float
    let scoreCap: Float?

    func callAsFunction(_ x: Rows, block: Int, _ pass: Pass) -> Rows {
        let queries = pass.rows(pass.scratch.queries, width: self.query.rows)
        let keys = pass.rows(pass.scratch.keys, width: self.key.rows)
        let values = pass.rows(pass.scratch.values, width: self.value.rows)
        self.project(x, queries, keys, values, pass)
        self.turn(queries, keys, pass)
        for segment in pass.segments { self.remember(keys, values, block: block, segment, pass) }

        let attended = pass.rows(pass.scratch.attended, width: self.query.rows)
        self.attend(queries, into: attended, block: block, pass)
        let y = pass.rows(pass.scratch.projected, width: self.output.rows)
        self.output(attended, into: y, pass)
        return y
    }

    /// The three products as one piece of work: their rows behind one another.
    private func project(_ x: Rows, _ queries: Rows, _ keys: Rows, _ values: Rows, _ pass: Pass) {
        let isQuantised = self.query.isQuantised || self.key.isQuantised || self.value.isQuantised
        let x = pass.operand(x, isQuantised: isQuantised)
        pass.split(self.query.rows + self.key.rows + self.value.rows, grain: Product.rowsPerGrain) { rows in
            self.multiply(self.query, x, rows, from: 0, into: queries, pass)
            self.multiply(self.key, x, rows, from: self.query.rows, into: keys, pass)
            self.multiply(self.value, x, rows, from: self.query.rows + self.key.rows, into: values, pass)
        }
    }

    /// The product's part in `rows`, of which its own begin at `first`.
    private func multiply(
        _ product: Product,
        _ x: Operand,
        _ rows: Range<Int>,
        from first: Int,
        into y: Rows,
        _ pass: Pass
    ) {
        let own = rows.clamped(to: first..<first + product.rows)
        guard !own.isEmpty else { return }
        product.multiply(x, rows: own.lowerBound - first..<own.upperBound - first, into: y, pass)
    }

    /// Norms and turns every head of queries and keys, as far as the family does.
    private func turn(_ queries: Rows, _ keys: Rows, _ pass: Pass) {
        let table = pass.scratch.rotation(self.rotation)
        guard table != nil || self.queryNorm != nil || self.keyNorm != nil else { return }
        pass.split(queries.count, grain: 1) { tokens in
            for token in tokens {
                self.turn(queries[token], heads: self.headCount, self.queryNorm, table, row: token, pass)
                self.turn(keys[token], heads: self.keyValueHeadCount, self.keyNorm, table, row: token, pass)
            }
        }
    }

    private func turn(
        _ x: UnsafeMutablePointer<Float>,
        heads: Int,
        _ norm: Norm?,
        _ table: RotationTable?,
        row: Int,
        _ pass: Pass
    ) {
        for index in 0..<heads {
            let head = x + index * self.headDimension
            norm?.norm(head, into: head, pass)
            table?.turn(head, row: row, pass)
        }
    }

    /// Puts keys and values into the cache, rounded as the attention below reads them.
    private func remember(_ keys: Rows, _ values: Rows, block: Int, _ segment: Pass.Segment, _ pass: Pass) {
        for token in segment.rows {
            let position = segment.position + token - segment.rows.lowerBound
            for head in 0..<self.keyValueHeadCount {
                segment.cache.write(
                    key: keys[token] + head * self.headDimension,
                    value: values[token] + head * self.headDimension,
                    KVCache.Slot(block: block, head: head, position: position),
                    pass
                )
            }
        }
    }
}
