internal import CKernels

/// A format that float weights are turned into while they are loaded.
///
/// Peers of one chain agree on block digests, which are taken over what is multiplied, so every bit of the result is
/// fixed. In f32, to nearest even, for each 32 numbers x of a row:
/// - Q8_0: d = f16(max|x| / 127), then each q = x / d to the nearest whole number, ties to even, within ±127.
/// - Q4_0: d = f16(m / -8) where m is the x of the largest size, the negative one of two; q = x / d to the nearest whole
///   number, ties to even, plus 8, within 0...15.
///
/// d is 0 where all x are, and q is 0 (8 in Q4_0) where d is 0. d is NaN where any x is NaN or infinite, so that the
/// block fails as it would with the weights as they are. f16(…) saturates. The bytes are GGML's blocks.
public enum Quantization: String, CaseIterable, Sendable {
    case q8_0
    case q4_0

    var type: TensorType {
        switch self {
        case .q8_0: .q8_0
        case .q4_0: .q4_0
        }
    }
}

extension ModelDirectory {
    /// The same model, its float weights turned into `quantization` as they are loaded, and blocks that no kernel
    /// multiplies with too; nil leaves them as they are.
    ///
    /// As with `llama-quantize` norms, biases and routers stay as they are, and rows that are no multiple of 32 wide. The
    /// head becomes Q8_0 with either format, as does an embedding that is the head too; one that is only looked up stays
    /// as it is, since its rows are read one by one from the file and take no memory.
    public func quantized(to quantization: Quantization?) -> ModelDirectory {
        var directory = self
        directory.quantization = quantization
        return directory
    }

    /// A tensor as blocks multiply with it.
    func multiplied(_ description: TensorDescription) throws(ModelError) -> MultipliedTensor {
        let stored = try self.tensor(description)
        return MultipliedTensor(stored: stored, type: self.multipliedType(of: description) ?? stored.type)
    }

    /// How the numbers of a tensor are stored when blocks multiply with them; nil for a tensor that is not there.
    func multipliedType(of description: TensorDescription) -> TensorType? {
        guard let type = self.weights.tensors[description.name]?.entry.type else { return nil }
        guard let quantization, type.isWidened, !type.isQuantised, description.shape.count == 2,
            !description.staysExact,
            description.shape[1].isMultiple(of: quantization.type.blockSize)
        else { return type }
        return description.name == self.configuration.head.name ? .q8_0 : quantization.type
    }
}

extension TensorType {
    /// The formats of weights that are no blocks.
    var isFloat: Bool { self == .f32 || self == .f16 || self == .bf16 }

    /// How kernels know it; nil where none multiplies with it.
    var kernelType: kw_type? {
        switch self {
        case .f16: kw_f16
        case .bf16: kw_bf16
        case .f32: kw_f32
        case .q8_0: kw_q8_0
        case .q4_0: kw_q4_0
        case .q5_0: kw_q5_0
        case .q4_K: kw_q4_k
        case .q5_K: kw_q5_k
        case .q6_K: kw_q6_k
        case _: nil
        }
    }

    /// Whether products with it take activations in int8.
    var isQuantised: Bool { !self.isFloat && self.kernelType != nil }
}
