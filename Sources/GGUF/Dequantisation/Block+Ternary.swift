// The ternary formats: 256 numbers that are -1, 0 or 1 times one scale.

extension Block {
    /// Five numbers in a byte, as digits to the base 3 of a fraction of 256: the first comes out by a product with 3,
    /// the next after one with 9, and so on.
    static func tq1_0(_ block: Block, _ y: UnsafeMutablePointer<Float>) {
        let d = block.half(52)
        func decode(_ byte: Int, digit: Int) -> Float {
            let shifted = block[byte] * Self.powersOfThree[digit] & 0xFF
            return d * Float(((shifted * 3) >> 8) - 1)
        }
        for i in 0..<160 { y[i] = decode(i % 32, digit: i / 32) }
        for i in 0..<80 { y[160 + i] = decode(32 + i % 16, digit: i / 16) }
        for i in 0..<16 { y[240 + i] = decode(48 + i % 4, digit: i / 4) }
    }

    static func tq2_0(_ block: Block, _ y: UnsafeMutablePointer<Float>) {
        let d = block.half(64)
        for i in 0..<256 { y[i] = d * Float((block[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3) - 1) }
    }

    private static let powersOfThree = [1, 3, 9, 27, 81]
}
