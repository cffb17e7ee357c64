import CKernels
import CMachine
import Foundation

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
        let weights = Self.numbers(self.rows * self.columns)
        let x = Self.numbers(self.tokens * self.columns)
        let y = Self.numbers(self.tokens * self.rows)
        defer { for memory in [weights, x, y] { memory.deallocate() } }
        let pool = kw_pool_create(threads)
        defer { kw_pool_destroy(pool) }
        var own: [Double] = []
        var openBLAS: [Double] = []
        for _ in 0..<rounds {
            // Each once before, since the other's numbers are in the caches.
            self.multiply(weights, x, y, pool)
            own.append(timed { self.multiply(weights, x, y, pool) })
            guard machine_sgemm(self.tokens, self.rows, self.columns, x, weights, y, threads) else { continue }
            openBLAS.append(
                timed { _ = machine_sgemm(self.tokens, self.rows, self.columns, x, weights, y, threads) }
            )
            // Its threads go on asking for work for a while, on our cores.
            Thread.sleep(forTimeInterval: 0.1)
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
        _ weights: UnsafeMutablePointer<Float>,
        _ x: UnsafeMutablePointer<Float>,
        _ y: UnsafeMutablePointer<Float>,
        _ pool: OpaquePointer?
    ) {
        var product = Product(
            matrix: kw_matrix(data: weights, type: kw_f32, rows: self.rows, columns: self.columns),
            x: x,
            y: y,
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

    /// Aligned to a cache line, as the memory of a pass is.
    private static func numbers(_ count: Int) -> UnsafeMutablePointer<Float> {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: count * 4, alignment: 64)
            .bindMemory(to: Float.self, capacity: count)
        for index in 0..<count {
            (memory + index).initialize(to: Float((index &* 2_654_435_761) & 0xFFFF) / 65536 - 0.5)
        }
        return memory
    }
}
