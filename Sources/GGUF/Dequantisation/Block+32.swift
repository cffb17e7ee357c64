// The formats of 32 numbers, a scale for each block. Packed nibbles hold number i below and number i + 16 above.

extension Block {
    static func q4_0(_ block: Block, _ y: UnsafeMutablePointer<Float>) {
        let d = block.half(0)
        for i in 0..<32 { y[i] = d * Float(block.nibble(i, at: 2) - 8) }
    }

    static func q4_1(_ block: Block, _ y: UnsafeMutablePointer<Float>) {
        let (d, m) = (block.half(0), block.half(2))
        for i in 0..<32 { y[i] = d * Float(block.nibble(i, at: 4)) + m }
    }

    static func q5_0(_ block: Block, _ y: UnsafeMutablePointer<Float>) {
        let (d, high) = (block.half(0), block.uint32(2))
        for i in 0..<32 { y[i] = d * Float((block.nibble(i, at: 6) | (high >> i & 1) << 4) - 16) }
    }

    static func q5_1(_ block: Block, _ y: UnsafeMutablePointer<Float>) {
        let (d, m, high) = (block.half(0), block.half(2), block.uint32(4))
        for i in 0..<32 { y[i] = d * Float(block.nibble(i, at: 8) | (high >> i & 1) << 4) + m }
    }

    static func q8_0(_ block: Block, _ y: UnsafeMutablePointer<Float>) {
        let d = block.half(0)
        for i in 0..<32 { y[i] = d * Float(block.int8(2 + i)) }
    }

    static func iq4_NL(_ block: Block, _ y: UnsafeMutablePointer<Float>) {
        let d = block.half(0)
        for i in 0..<32 { y[i] = d * Self.nonlinear[block.nibble(i, at: 2)] }
    }

    /// Four-bit floats with the power of two that they share (OCP Microscaling Formats 1.0), doubled and halved again.
    static func mxfp4(_ block: Block, _ y: UnsafeMutablePointer<Float>) {
        let exponent = UInt32(block[0])
        let d = Float(bitPattern: exponent < 2 ? 0x0020_0000 << exponent : (exponent - 1) << 23)
        for i in 0..<32 { y[i] = d * Self.doubledFloats[block.nibble(i, at: 1)] }
    }

    /// Number `i` of 32 that are packed in 16 bytes.
    func nibble(_ i: Int, at offset: Int) -> Int { self[offset + i % 16] >> (i / 16 * 4) & 15 }

    /// The levels of IQ4_NL and IQ4_XS: denser around zero, as weights are.
    static let nonlinear: [Float] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]

    /// Twice the values of E2M1.
    private static let doubledFloats: [Float] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12]
}
