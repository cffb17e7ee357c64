// The IQ formats: 256 numbers in groups that are points of a grid, with signs and scales beside them.

extension Block {
    static func iq2_XXS(_ block: Block, _ y: UnsafeMutablePointer<Float>) {
        let d = block.half(0)
        for group in 0..<8 {
            let packed = block.uint32(6 + 8 * group)
            let scale = d * (0.5 + Float(packed >> 28)) * 0.25
            for i in 0..<32 {
                let grid = Grid.iq2_XXS[block[2 + 8 * group + i / 8], i % 8]
                y[32 * group + i] = scale * grid * Self.sign(packed >> (7 * (i / 8)), i % 8)
            }
        }
    }

    static func iq2_XS(_ block: Block, _ y: UnsafeMutablePointer<Float>) {
        let d = block.half(0)
        for i in 0..<256 {
            let packed = block.uint16(2 + 2 * (i / 8))
            let scale = d * (0.5 + Float(block[66 + i / 32] >> (i % 32 / 16 * 4) & 15)) * 0.25
            y[i] = scale * Grid.iq2_XS[packed & 511, i % 8] * Self.sign(packed >> 9, i % 8)
        }
    }

    static func iq2_S(_ block: Block, _ y: UnsafeMutablePointer<Float>) {
        let d = block.half(0)
        for i in 0..<256 {
            let group = i / 8
            let point = block[2 + group] | (block[66 + group / 4] >> (2 * (group % 4)) & 3) << 8
            let scale = d * (0.5 + Float(block[74 + i / 32] >> (i % 32 / 16 * 4) & 15)) * 0.25
            y[i] = scale * Grid.iq2_S[point, i % 8] * (block[34 + group] >> (i % 8) & 1 == 0 ? 1 : -1)
        }
    }

    static func iq3_XXS(_ block: Block, _ y: UnsafeMutablePointer<Float>) {
        let d = block.half(0)
        for group in 0..<8 {
            let packed = block.uint32(66 + 4 * group)
            let scale = d * (0.5 + Float(packed >> 28)) * 0.5
            for i in 0..<32 {
                let grid = Grid.iq3_XXS[block[2 + 8 * group + i / 4], i % 4]
                y[32 * group + i] = scale * grid * Self.sign(packed >> (7 * (i / 8)), i % 8)
            }
        }
    }

    static func iq3_S(_ block: Block, _ y: UnsafeMutablePointer<Float>) {
        let d = block.half(0)
        for i in 0..<256 {
            let group = i / 4
            let point = block[2 + group] | (block[66 + group / 8] >> (group % 8) & 1) << 8
            let scale = d * Float(1 + 2 * (block[106 + i / 64] >> (i % 64 / 32 * 4) & 15))
            y[i] = scale * Grid.iq3_S[point, i % 4] * (block[74 + i / 8] >> (i % 8) & 1 == 0 ? 1 : -1)
        }
    }

    static func iq1_S(_ block: Block, _ y: UnsafeMutablePointer<Float>) {
        let d = block.half(0)
        for i in 0..<256 {
            let high = block.uint16(34 + 2 * (i / 32))
            let scale = d * Float(2 * (high >> 12 & 7) + 1)
            let delta: Float = high & 0x8000 == 0 ? 0.125 : -0.125
            let point = block[2 + i / 8] | (high >> (3 * (i % 32 / 8)) & 7) << 8
            y[i] = scale * (Grid.iq1_S[point, i % 8] + delta)
        }
    }

    /// The sign of one of eight numbers of which seven bits tell seven: there is an even number of minuses.
    private static func sign(_ bits: Int, _ i: Int) -> Float {
        let seven = bits & 127
        let isMinus = i < 7 ? seven >> i & 1 == 1 : !seven.nonzeroBitCount.isMultiple(of: 2)
        return isMinus ? -1 : 1
    }
}
