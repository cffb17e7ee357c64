// The K-quants: 256 numbers, with scales for groups of 16 or 32 that are themselves quantised.

extension Block {
    static func q2_K(_ block: Block, _ y: UnsafeMutablePointer<Float>) {
        let (d, dmin) = (block.half(80), block.half(82))
        for i in 0..<256 {
            let scales = block[i / 16]
            let (scale, minimum) = (d * Float(scales & 15), dmin * Float(scales >> 4))
            y[i] = scale * Float(block.pair(i, at: 16)) - minimum
        }
    }

    static func q3_K(_ block: Block, _ y: UnsafeMutablePointer<Float>) {
        let d = block.half(108)
        for i in 0..<256 {
            let group = i / 16
            let low = block[96 + group % 8] >> (group / 8 * 4) & 15
            let high = block[104 + group % 4] >> (group / 4 * 2) & 3
            let isUnshifted = block[i % 32] >> (i / 32) & 1
            let q = block.pair(i, at: 32) - (isUnshifted == 1 ? 0 : 4)
            y[i] = d * Float((low | high << 4) - 32) * Float(q)
        }
    }

    static func q4_K(_ block: Block, _ y: UnsafeMutablePointer<Float>) {
        let (d, dmin) = (block.half(0), block.half(2))
        for group in 0..<8 {
            let scale = d * Float(block.scale(group, at: 4))
            let minimum = dmin * Float(block.minimum(group, at: 4))
            for i in 32 * group..<32 * (group + 1) {
                y[i] = scale * Float(block.nibbleOf64(i, at: 16)) - minimum
            }
        }
    }

    static func q5_K(_ block: Block, _ y: UnsafeMutablePointer<Float>) {
        let (d, dmin) = (block.half(0), block.half(2))
        for group in 0..<8 {
            let scale = d * Float(block.scale(group, at: 4))
            let minimum = dmin * Float(block.minimum(group, at: 4))
            for i in 32 * group..<32 * (group + 1) {
                let high = block[16 + i % 32] >> group & 1
                y[i] = scale * Float(block.nibbleOf64(i, at: 48) | high << 4) - minimum
            }
        }
    }

    static func q6_K(_ block: Block, _ y: UnsafeMutablePointer<Float>) {
        let d = block.half(208)
        for i in 0..<256 {
            let scale = d * Float(block.int8(192 + i / 16))
            let low = block[i / 128 * 64 + i % 64] >> (i % 128 / 64 * 4) & 15
            let high = block.pair(i, at: 128)
            y[i] = scale * Float((low | high << 4) - 32)
        }
    }

    static func iq4_XS(_ block: Block, _ y: UnsafeMutablePointer<Float>) {
        let (d, high) = (block.half(0), block.uint16(2))
        for group in 0..<8 {
            let low = block[4 + group / 2] >> (group % 2 * 4) & 15
            let scale = d * Float((low | (high >> (2 * group) & 3) << 4) - 32)
            for i in 0..<32 { y[32 * group + i] = scale * Self.nonlinear[block.nibble(i, at: 8 + 16 * group)] }
        }
    }

    /// Number `i` of 256 of two bits: a byte of each 32 holds four numbers, 32 apart.
    private func pair(_ i: Int, at offset: Int) -> Int {
        self[offset + i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3
    }

    /// Number `i` of 256 of four bits: a byte of each 32 holds two numbers, 32 apart.
    private func nibbleOf64(_ i: Int, at offset: Int) -> Int {
        self[offset + i / 64 * 32 + i % 32] >> (i % 64 / 32 * 4) & 15
    }

    /// The scale of a group in Q4_K and Q5_K, six bits: those of the last four groups are split.
    private func scale(_ group: Int, at offset: Int) -> Int {
        group < 4
            ? self[offset + group] & 63 : self[offset + 4 + group] & 15 | (self[offset + group - 4] >> 6) << 4
    }

    /// The minimum of a group in Q4_K and Q5_K.
    private func minimum(_ group: Int, at offset: Int) -> Int {
        group < 4
            ? self[offset + 4 + group] & 63 : self[offset + 4 + group] >> 4 | (self[offset + group] >> 6) << 4
    }
}
