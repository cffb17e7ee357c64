package import GGUF

/// How the numbers of a tensor are stored, in whichever file: in blocks of so many numbers, each block so many bytes.
/// The raw value names it in messages and digests.
package enum TensorType: String, Sendable, CaseIterable {
    // Numbers on their own. Those of a model's weights are the first three.
    case f32 = "F32"
    case f16 = "F16"
    case bf16 = "BF16"
    case f64 = "F64"
    case bool = "BOOL"
    case u8 = "U8"
    case i8 = "I8"
    case f8e4m3 = "F8_E4M3"
    case f8e5m2 = "F8_E5M2"
    case u16 = "U16"
    case i16 = "I16"
    case u32 = "U32"
    case i32 = "I32"
    case u64 = "U64"
    case i64 = "I64"

    // GGUF's blocks that are multiplied as they are.
    case q8_0 = "Q8_0"
    case q4_0 = "Q4_0"
    case q5_0 = "Q5_0"
    case q4_K = "Q4_K"
    case q5_K = "Q5_K"
    case q6_K = "Q6_K"

    // GGUF's blocks that are only ever turned into floats.
    case q4_1 = "Q4_1"
    case q5_1 = "Q5_1"
    case q2_K = "Q2_K"
    case q3_K = "Q3_K"
    case iq1_S = "IQ1_S"
    case iq1_M = "IQ1_M"
    case iq2_XXS = "IQ2_XXS"
    case iq2_XS = "IQ2_XS"
    case iq2_S = "IQ2_S"
    case iq3_XXS = "IQ3_XXS"
    case iq3_S = "IQ3_S"
    case iq4_NL = "IQ4_NL"
    case iq4_XS = "IQ4_XS"
    case tq1_0 = "TQ1_0"
    case tq2_0 = "TQ2_0"
    case mxfp4 = "MXFP4"

    /// The type that a safetensors header calls `dtype`.
    init?(safetensors dtype: String) {
        guard let type = Self(rawValue: dtype), type.blockSize == 1 else { return nil }
        self = type
    }

    /// Nil for the types that no weights are stored in.
    init?(_ type: GGMLType) { self.init(rawValue: type.name) }

    /// The same type in GGUF, where it has one.
    package var ggml: GGMLType? { Self.ggmlTypes[self.rawValue] }

    private static let ggmlTypes = Dictionary(uniqueKeysWithValues: GGMLType.allCases.map { ($0.name, $0) })

    /// Numbers in one block.
    package var blockSize: Int { self.ggml?.blockSize ?? 1 }

    /// Bytes of one block.
    package var blockBytes: Int {
        switch self {
        case .bool, .u8, .f8e4m3, .f8e5m2: 1
        case .u16: 2
        case .u32: 4
        case .u64: 8
        case _: self.ggml?.blockBytes ?? 1
        }
    }

    /// Whether blocks multiply with it as it is stored.
    package var isMultiplied: Bool { self.kernelType != nil }

    /// Whether its numbers can be turned into f32.
    package var isWidened: Bool {
        switch self {
        case .f32, .f16, .bf16: true
        case _: self.ggml?.isDequantised == true
        }
    }
}
