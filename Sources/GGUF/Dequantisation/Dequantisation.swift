extension GGMLType {
    /// Whether `dequantise` knows the type: every format of weights in blocks but IQ1_M.
    package var isDequantised: Bool { self.decode != nil }

    /// The numbers of some whole blocks as f32: those that ggml's reference computes, to the bit.
    package func dequantise(_ blocks: UnsafeRawBufferPointer, into floats: UnsafeMutablePointer<Float>) {
        guard let decode = self.decode else { preconditionFailure("\(self.name) is not dequantised") }
        guard let start = blocks.baseAddress else { return }
        for block in 0..<blocks.count / self.blockBytes {
            decode(Block(start: start + block * self.blockBytes), floats + block * self.blockSize)
        }
    }

    private var decode: ((Block, UnsafeMutablePointer<Float>) -> Void)? {
        switch self {
        case .q4_0: Block.q4_0
        case .q4_1: Block.q4_1
        case .q5_0: Block.q5_0
        case .q5_1: Block.q5_1
        case .q8_0: Block.q8_0
        case .iq4_NL: Block.iq4_NL
        case .mxfp4: Block.mxfp4
        case .q2_K: Block.q2_K
        case .q3_K: Block.q3_K
        case .q4_K: Block.q4_K
        case .q5_K: Block.q5_K
        case .q6_K: Block.q6_K
        case .iq4_XS: Block.iq4_XS
        case .iq1_S: Block.iq1_S
        case .iq2_XXS: Block.iq2_XXS
        case .iq2_XS: Block.iq2_XS
        case .iq2_S: Block.iq2_S
        case .iq3_XXS: Block.iq3_XXS
        case .iq3_S: Block.iq3_S
        case .tq1_0: Block.tq1_0
        case .tq2_0: Block.tq2_0
        case _: nil
        }
    }
}

/// One block of numbers as its format lays it out. Every decoder writes the block's numbers in order; d, m, q stand for
/// scale, minimum and quantised number as in ggml's sources.
struct Block {
    let start: UnsafeRawPointer

    subscript(offset: Int) -> Int { Int(self.start.load(fromByteOffset: offset, as: UInt8.self)) }

    func int8(_ offset: Int) -> Int { Int(self.start.load(fromByteOffset: offset, as: Int8.self)) }

    func uint16(_ offset: Int) -> Int {
        Int(UInt16(littleEndian: self.start.loadUnaligned(fromByteOffset: offset, as: UInt16.self)))
    }

    func uint32(_ offset: Int) -> Int {
        Int(UInt32(littleEndian: self.start.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
    }

    /// An f16 as f32.
    func half(_ offset: Int) -> Float {
        let bits = UInt32(self.uint16(offset))
        let sign = (bits & 0x8000) << 16
        let magnitude = bits & 0x7FFF
        guard magnitude < 0x7C00 else { return Float(bitPattern: sign | 0x7F80_0000 | (magnitude & 0x3FF) << 13) }
        // The product moves the exponent's bias from 15 to 127, and is exact for denormals too.
        return Float(bitPattern: sign | magnitude << 13) * 0x1p112
    }
}
