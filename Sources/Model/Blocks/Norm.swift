internal import CKernels

/// x / √(mean(x²) + ε) · weight.
struct Norm: Sendable {
    let weight: FloatBuffer
    let epsilon: Float

    func callAsFunction(_ x: Rows, _ pass: Pass) -> Rows {
        let y = Rows(start: pass.scratch.normed.start, count: x.count, width: x.width)
        pass.split(x.count, grain: 1) { tokens in
            for token in tokens { self.norm(x[token], into: y[token], pass) }
        }
        return y
    }

    /// x = norm(x).
    func replace(_ x: Rows, _ pass: Pass) {
        pass.split(x.count, grain: 1) { tokens in
            for token in tokens { self.norm(x[token], into: x[token], pass) }
        }
    }

    /// One row, as wide as the weight; y may be x.
    func norm(_ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, _ pass: Pass) {
        kw_normalize(pass.kernels.table, x, self.weight.start, self.epsilon, self.weight.count, y)
    }
}
