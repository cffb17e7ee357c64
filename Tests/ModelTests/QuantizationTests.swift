import CKernels
import Testing

@testable import Model

/// The quantiser of float weights, to the bit as `Quantization` specifies it.
@Suite struct QuantizationTests {
    private static func blocks(
        _ quantization: Quantization,
        _ x: [Float],
        _ kernels: Kernels = Kernels.all[0]
    ) -> [UInt8] {
        let type = quantization == .q8_0 ? kw_q8_0 : kw_q4_0
        var blocks = [UInt8](repeating: 0xAA, count: x.count / 32 * kw_block_bytes(type))
        kw_make_blocks(kernels.table, type, x, x.count, &blocks)
        return blocks
    }

    /// The specification once more, number by number.
    private static func specified(_ quantization: Quantization, _ x: ArraySlice<Float>) -> [UInt8] {
        let largest = x.map(\.magnitude).max() ?? 0
        let d =
            switch quantization {
            case .q8_0: Numerics.halves([largest / 127])[0]
            case .q4_0: Numerics.halves([largest == 0 ? 0 : (x.contains(-largest) ? -largest : largest) / -8])[0]
            }
        let scale = Numerics.floats([d])[0]
        func quantum(_ x: Float, _ bounds: ClosedRange<Float>) -> Int {
            let q = scale == 0 ? 0 : (x / scale).rounded(.toNearestOrEven)
            return Int(min(max(q, bounds.lowerBound), bounds.upperBound))
        }
        let head = [UInt8(d & 255), UInt8(d >> 8)]
        switch quantization {
        case .q8_0: return head + x.map { UInt8(bitPattern: Int8(quantum($0, -127...127))) }
        case .q4_0:
            let q = x.map { UInt8(quantum($0, -8...7) + 8) }
            return head + (0..<16).map { q[$0] | q[16 + $0] << 4 }
        }
    }

    @Test(arguments: Quantization.allCases) func `gives the blocks that are specified`(quantization: Quantization) {
        var random = RandomNumbers(seed: 41)
        for scale: Float in [1, 0.02, 1e-4, 1e-7, 0x1p-133, 1e6, 1e38, 0] {
            let x = random.floats(32 * 20, scale: scale)
            let groups = stride(from: 0, to: x.count, by: 32).map { x[$0..<$0 + 32] }
            let expected = groups.flatMap { Self.specified(quantization, $0) }
            for kernels in Kernels.all {
                #expect(Self.blocks(quantization, x, kernels) == expected, "\(kernels.name), \(scale)")
            }
        }
    }

    @Test func `rounds ties to even and takes the negative of the largest`() {
        let rest = [Float](repeating: 0, count: 27)
        #expect(Self.blocks(.q8_0, [127, 0.5, 1.5, -2.5, -127] + rest).prefix(7) == [0, 0x3C, 127, 0, 2, 254, 129])
        // d = -8 / -8: -8 is stored as 0, and the other largest is held at 7, stored as 15.
        let blocks = Self.blocks(.q4_0, [8, -8, 0.5, 1.5, -2.5] + rest)
        #expect(blocks.prefix(7) == [0, 0x3C, 0x8F, 0x80, 0x88, 0x8A, 0x86])
    }

    @Test(arguments: Quantization.allCases, [Float.nan, .infinity, -.infinity])
    func `does not hide a broken weight`(quantization: Quantization, broken: Float) {
        var x = [Float](repeating: 1, count: 64)
        x[40] = broken
        let blocks = Self.blocks(quantization, x)
        for kernels in Kernels.all { #expect(Self.blocks(quantization, x, kernels) == blocks) }
        let second = blocks.count / 2
        #expect(Numerics.floats([UInt16(blocks[second]) | UInt16(blocks[second + 1]) << 8])[0].isNaN)
        #expect(Array(blocks[..<second]) == Self.blocks(quantization, [Float](repeating: 1, count: 32)))
    }

    // MARK: Which tensors

    @Test func `leaves norms, biases, narrow rows and an embedding that is only looked up`() throws {
        let untied = TinyModel(architecture: "Qwen2ForCausalLM", hidden: 64, feedForward: 80, heads: 4, isTied: false)
        let directory = try untied.embedded().quantized(to: .q4_0)
        func type(_ tensor: TensorDescription) throws -> TensorType { try directory.multiplied(tensor).type }
        let expected: [(String, TensorType)] = [
            ("model.layers.1.self_attn.q_proj.weight", .q4_0), ("model.layers.1.self_attn.q_proj.bias", .f16),
            ("model.layers.1.mlp.up_proj.weight", .q4_0), ("model.layers.1.mlp.down_proj.weight", .f16),
            ("model.layers.1.input_layernorm.weight", .f16), ("lm_head.weight", .q8_0),
            ("model.embed_tokens.weight", .f16),
        ]
        let tensors = directory.configuration.tensors(of: 0..<untied.blocks)
        for (name, type) in expected {
            let tensor = try #require(tensors.first { $0.name == name })
            #expect(try directory.multiplied(tensor).type == type, "\(name)")
        }
        #expect(directory.weightFormat == "f16+q4_0+q8_0")
    }

    @Test func `makes an embedding that is the head too Q8_0, also where it is looked up`() throws {
        let model = TinyModel(hidden: 64, feedForward: 96, heads: 4)
        let directory = try model.embedded().quantized(to: .q4_0)
        let embedding = try directory.multiplied(directory.configuration.embedding)
        #expect(embedding.type == .q8_0)
        #expect(directory.weightFormat == "q4_0+q8_0")
        var (row, stored) = ([Float](repeating: 0, count: 64), [Float](repeating: 0, count: 64))
        embedding.widen(row: 7, into: &row, through: RowMemory())
        embedding.stored.widen(row: 7, into: &stored)
        #expect(row != stored)
        let largest = stored.map(\.magnitude).max() ?? 0
        for (a, b) in zip(row, stored) { #expect(abs(a - b) <= largest / 250) }
    }

    @Test func `says how many bytes a range takes`() throws {
        let model = TinyModel(hidden: 64, feedForward: 96, blocks: 3, heads: 4, headDimension: 16)
        let directory = try model.embedded()
        let weights = 64 * 64 * 2 + 64 * 16 * 2 + 3 * 64 * 96
        #expect(try directory.weightBytes(of: 1..<2) == (weights + 2 * 64) * 2)
        #expect(try directory.quantized(to: .q8_0).weightBytes(of: 1..<2) == weights / 32 * 34 + 2 * 64 * 2)
        #expect(try directory.quantized(to: .q4_0).weightBytes(of: 1..<2) == weights / 32 * 18 + 2 * 64 * 2)
        #expect(try directory.quantized(to: nil).weightBytes(of: 0..<3) == directory.weightBytes(of: 0..<3))
    }

    @Test func `has digests of its own, over the bytes that are multiplied`() throws {
        let model = TinyModel(hidden: 64, feedForward: 96, blocks: 3, heads: 4)
        func digests(_ quantization: Quantization?, _ range: Range<Int>) throws -> [[UInt8]] {
            try LoadedRange(model.embedded(), range: range, threads: 1, quantize: quantization).blockDigests
        }
        let whole = try digests(.q8_0, 0..<3)
        #expect(try digests(.q8_0, 1..<3) == Array(whole[1...]))
        for other in [nil, Quantization.q4_0] { #expect(Set(try digests(other, 0..<3)).isDisjoint(with: whole)) }
    }

    @Test func `keeps its digests apart from others in the cache`() throws {
        let model = TinyModel(hidden: 64, feedForward: 96, blocks: 2, heads: 4)
        try withTemporaryFolder { folder in
            try model.write(to: folder)
            let directory = try ModelDirectory(path: folder, cache: DigestCache(folder: "\(folder)/cache"))
            func digests(_ quantization: Quantization?) throws -> [[UInt8]] {
                try LoadedRange(directory, range: 0..<2, threads: 1, quantize: quantization).blockDigests
            }
            let fresh = try [nil, .q8_0, .q4_0].map { try digests($0) }
            #expect(Set(fresh).count == 3)
            #expect(try [nil, .q8_0, .q4_0].map { try digests($0) } == fresh)
        }
    }
}
