import CKernels
import CMachine

/// The f32 product alone, beside OpenBLAS's in the same run.
struct F32Product {
    let rows: Int
    let columns: Int
    let tokens: Int

    static let all = [
        F32Product(rows: 4864, columns: 896, tokens: 256), F32Product(rows: 896, columns: 4864, tokens: 256),
        F32Product(rows: 2048, columns: 2048, tokens: 256),
    ]

    func measure(threads: Int, rounds: Int) -> ProductResult {
        let weights = self.numbers(self.rows * self.columns)
        let x = self.numbers(self.tokens * self.columns)
        var y = [Float](repeating: 0, count: self.tokens * self.rows)
        let pool = kw_pool_create(threads)
        defer { kw_pool_destroy(pool) }
        var own: [Double] = []
        var openBLAS: [Double] = []
        for _ in 0..<rounds {
            own.append(timed { self.multiply(weights, x, &y, pool) })
            var isThere = true
            let seconds = timed {
                isThere = machine_sgemm(self.tokens, self.rows, self.columns, x, weights, &y, threads)
            }
            if isThere { openBLAS.append(seconds) }
        }
        let operations = 2 * Double(self.rows * self.columns * self.tokens)
        return ProductResult(
            shape: "\(self.rows)×\(self.columns), \(self.tokens) tokens",
            threads: threads,
            rate: operations / median(own),
            openBLAS: openBLAS.isEmpty ? nil : operations / median(openBLAS)
        )
    }

    private func multiply(
        _ weights: [Float],
        _ x: [Float],
        _ y: inout [Float],
        _ pool: OpaquePointer?
    ) {
        weights.withUnsafeBytes { weights in
            x.withUnsafeBufferPointer { x in
                y.withUnsafeMutableBufferPointer { y in
                    var product = Product(
                        matrix: kw_matrix(
                            data: weights.baseAddress,
                            type: kw_f32,
                            rows: self.rows,
                            columns: self.columns
                        ),
                        x: x.baseAddress,
                        y: y.baseAddress,
                        tokens: self.tokens
                    )
                    kw_pool_run(
                        pool,
                        (self.rows + Product.grain - 1) / Product.grain,
                        { context, first, end in
                            context?.assumingMemoryBound(to: Product.self).pointee.multiply(first, end)
                        },
                        &product
                    )
                }
            }
        }
    }

    /// What every thread needs.
    private struct Product {
        /// Rows of which a thread takes a multiple.
        static let grain = 48

        var matrix: kw_matrix
        var x: UnsafePointer<Float>?
        var y: UnsafeMutablePointer<Float>?
        var tokens: Int

        mutating func multiply(_ first: Int, _ end: Int) {
            let rows = first * Self.grain..<min(end * Self.grain, self.matrix.rows)
            let (from, to, width) = (rows.lowerBound, rows.upperBound, self.matrix.rows)
            kw_multiply(kw_kernels_best(), &self.matrix, from, to, nil, self.x, self.tokens, self.y, width)
        }
    }

    private func numbers(_ count: Int) -> [Float] {
        (0..<count).map { Float(($0 &* 2_654_435_761) & 0xFFFF) / 65536 - 0.5 }
    }
}
