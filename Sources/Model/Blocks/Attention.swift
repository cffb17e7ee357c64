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
        for segment in pass.segments { self.attend(queries, into: attended, block: block, segment, pass) }
        let y = pass.rows(pass.scratch.projected, width: self.output.rows)
        self.output(attended, into: y, pass)
        return y
    }

    /// The three products as one piece of work: their rows behind one another.
    private func project(_ x: Rows, _ queries: Rows, _ keys: Rows, _ values: Rows, _ pass: Pass) {
        let isQuantised = self.query.isQuantised || self.key.isQuantised || self.value.isQuantised
        let x = pass.operand(x, isQuantised: isQuantised)
        pass.split(self.query.rows + self.key.rows + self.value.rows, grain: Product.rowsPerGrain) { rows in
            var first = 0
            for (product, y) in [(self.query, queries), (self.key, keys), (self.value, values)] {
                let own = rows.clamped(to: first..<first + product.rows)
                if !own.isEmpty {
                    product.multiply(x, rows: own.lowerBound - first..<own.upperBound - first, into: y, pass)
                }
                first += product.rows
            }
        }
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

    private func attend(_ queries: Rows, into y: Rows, block: Int, _ segment: Pass.Segment, _ pass: Pass) {
        let heads = self.headCount / self.keyValueHeadCount
        let tokens = segment.rows.count
        let chunks = (tokens + Self.tokensPerPart - 1) / Self.tokensPerPart
        pass.split(self.keyValueHeadCount * chunks, grain: 1) { parts in
            for part in parts {
                let head = part / chunks
                let first = part % chunks * Self.tokensPerPart
                let at = segment.rows.lowerBound * queries.width + head * heads * self.headDimension
                var attention = segment.cache.attention(block: block, head: head)
                attention.queries = UnsafePointer(queries.start + at)
                attention.output = y.start + at
                attention.query_stride = queries.width
                attention.tokens = tokens
                attention.heads = heads
                attention.position = segment.position
                attention.window = self.window ?? 0
                attention.scale = self.scale
                attention.soft_cap = self.scoreCap ?? 0
                kw_attend(pass.kernels.table, &attention, first, min(first + Self.tokensPerPart, tokens))
            }
        }
    }

    /// Query tokens of one head that one thread takes at a time.
    private static let tokensPerPart = 16
}
