internal import CKernels

/// What products multiply with: one row of floats for each token, and the same in int8 for quantised matrices.
struct Operand {
    let floats: Rows
    /// Empty where no product asked for it.
    let activations: kw_activations
}

extension Pass {
    /// x for one or several products. The int8 form is made once, if `isQuantised` says that any of them needs it, and
    /// lasts until the next operand is made.
    func operand(_ x: Rows, isQuantised: Bool) -> Operand {
        guard isQuantised else { return Operand(floats: x, activations: kw_activations()) }
        let scratch = self.scratch.activations
        let groups = x.width / ActivationScratch.group
        self.split(x.count, grain: 1) { tokens in
            for token in tokens {
                kw_quantise(
                    self.kernels.table,
                    x[token],
                    x.width,
                    scratch.values + token * x.width,
                    scratch.groups + token * groups
                )
            }
        }
        return Operand(floats: x, activations: kw_activations(values: scratch.values, groups: scratch.groups))
    }
}

/// The memory of a pass for activations in int8.
struct ActivationScratch {
    private let valueBuffer: FloatBuffer
    private let groupBuffer: FloatBuffer

    /// [tokens][columns]
    var values: UnsafeMutablePointer<Int8> {
        UnsafeMutableRawPointer(self.valueBuffer.start).assumingMemoryBound(to: Int8.self)
    }

    /// [tokens][columns / 32]
    var groups: UnsafeMutablePointer<kw_group> {
        UnsafeMutableRawPointer(self.groupBuffer.start).assumingMemoryBound(to: kw_group.self)
    }

    /// Columns that share a scale.
    static let group = 32

    init(tokens: Int, width: Int) {
        let groupFloats = MemoryLayout<kw_group>.stride / MemoryLayout<Float>.stride
        self.valueBuffer = FloatBuffer(count: (tokens * width + 3) / 4)
        self.groupBuffer = FloatBuffer(count: tokens * (width / Self.group) * groupFloats)
    }
}
