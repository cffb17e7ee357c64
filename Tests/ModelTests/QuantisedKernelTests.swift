import CKernels
import Testing

@testable import Model

/// Quantised products on every instruction set of this CPU against plain C, bit for bit, and plain C against arithmetic
/// in f64 on the same integers.
@Suite struct QuantisedKernelTests {
    static let sets = Kernels.all.dropFirst().map(\.name)
    static let types = [kw_q8_0, kw_q4_0, kw_q5_0, kw_q4_k, kw_q5_k, kw_q6_k].map(\.rawValue)
    private let scalar = kw_kernels_at(0)

    private func kernels(_ name: String) -> OpaquePointer? { Kernels.all.first { $0.name == name }?.table }

    // MARK: Activations

    @Test(arguments: sets) func `activations are rounded as plain C rounds them`(set: String) {
        var random = RandomNumbers(seed: 31)
        for round in 0..<60 {
            let scale: Float = [3, 1e-30, 0x1p-133, 0x1p-144, 1e38][round % 5]
            var x = random.floats(32 * (1 + round % 9), scale: scale)
            if round % 6 == 0 { x.replaceSubrange(0..<32, with: repeatElement(0, count: 32)) }
            if round % 7 == 0 { x[x.count - 1] = .infinity }
            let (expected, actual) = (Activations(self.scalar, x), Activations(self.kernels(set), x))
            #expect(actual.values == expected.values, "\(scale)")
            #expect(actual.bits == expected.bits, "\(scale)")
        }
    }

    @Test func `activations are the nearest of 255 steps, ties to even`() {
        let x: [Float] = [127, -127, 0.5, 1.5, 2.5, -0.5, -1.5, 0.49, 126.5] + [Float](repeating: 3, count: 23)
        let activations = Activations(self.scalar, x)
        #expect(activations.values.prefix(9) == [127, -127, 0, 2, 2, 0, -2, 0, 126])
        #expect(activations.groups[0].scale == 1)
        #expect(activations.groups[0].first == 128 + 7 * 3)
        #expect(activations.groups[0].total == 128 + 23 * 3)
        #expect(activations.groups[0].sum == 128 + 23 * 3)
    }

    @Test(arguments: Kernels.all.map(\.name)) func `NaN stays NaN`(set: String) {
        var x = [Float](repeating: 1, count: 64)
        x[3] = .nan
        let activations = Activations(self.kernels(set), x)
        #expect(activations.groups[0].scale.isNaN)
        #expect(activations.groups[1].scale == 1 / Float(127))
    }

    // MARK: Products

    @Test(arguments: sets, types) func `products are those of plain C`(set: String, type: UInt32) {
        var random = RandomNumbers(seed: UInt64(type))
        for round in 0..<40 {
            let blocks = Int.random(in: 1...1024 / kw_block_columns(kw_type(type)), using: &random)
            let matrix = PanelledMatrix(
                kw_type(type),
                rows: Int.random(in: 1...70, using: &random),
                blocks: blocks,
                scale: round % 8 == 0 ? .denormal : .any,
                &random
            )
            let tokens = Int.random(in: 1...17, using: &random)
            let x = random.floats(tokens * matrix.columns, scale: round % 5 == 0 ? 1e-38 : 3)
            let bias = round % 2 == 0 ? random.floats(matrix.rows) : nil
            let first = Int.random(in: 0...(matrix.rows - 1) / 16, using: &random) * 16
            let part = first..<Int.random(in: first + 1...matrix.rows, using: &random)
            let expected = matrix.multiply(self.scalar, x, bias: bias, tokens: tokens, rows: part)
            let actual = matrix.multiply(self.kernels(set), x, bias: bias, tokens: tokens, rows: part)
            #expect(
                firstDifference(actual, expected) == nil,
                "\(matrix.rows)×\(matrix.columns), rows \(part), \(tokens) tokens"
            )
        }
    }

    /// So many that their activations are cut to fit a cache.
    @Test(arguments: sets, types) func `large batches are those of plain C`(set: String, type: UInt32) {
        var random = RandomNumbers(seed: 34)
        let blocks = 6144 / kw_block_columns(kw_type(type))
        let matrix = PanelledMatrix(kw_type(type), rows: 17, blocks: blocks, scale: .realistic, &random)
        let x = random.floats(140 * matrix.columns)
        let expected = matrix.multiply(self.scalar, x, bias: nil, tokens: 140, rows: 0..<17)
        for tokens in [59, 64, 65, 130, 140] {
            let part = Array(x.prefix(tokens * matrix.columns))
            let actual = matrix.multiply(self.kernels(set), part, bias: nil, tokens: tokens, rows: 0..<17)
            #expect(firstDifference(actual, expected.prefix(tokens * 17)) == nil, "\(tokens) tokens")
        }
    }

    @Test(arguments: sets, types) func `the largest integers do not overflow`(set: String, type: UInt32) {
        for quantum: UInt8 in [0, 0x80, 0x7F, 0xFF] {
            let matrix = PanelledMatrix(kw_type(type), rows: 16, blocks: 1, quantum: quantum)
            for x: Float in [1, -1] {
                let x = [Float](repeating: x, count: matrix.columns)
                let expected = matrix.multiply(self.scalar, x, bias: nil, tokens: 1, rows: 0..<16)
                #expect(matrix.multiply(self.kernels(set), x, bias: nil, tokens: 1, rows: 0..<16) == expected)
            }
        }
    }

    @Test(arguments: Kernels.all.map(\.name), types) func `a token's product does not depend on the others`(
        set: String,
        type: UInt32
    ) {
        var random = RandomNumbers(seed: 32)
        let matrix = PanelledMatrix(kw_type(type), rows: 50, blocks: 3, scale: .any, &random)
        let x = random.floats(19 * matrix.columns)
        let together = matrix.multiply(self.kernels(set), x, bias: nil, tokens: 19, rows: 0..<50)
        for token in 0..<19 {
            let own = Array(x[token * matrix.columns..<(token + 1) * matrix.columns])
            let alone = matrix.multiply(self.kernels(set), own, bias: nil, tokens: 1, rows: 0..<50)
            #expect(alone == Array(together[token * 50..<(token + 1) * 50]))
        }
    }

    @Test(arguments: types) func `plain C multiplies as f64 does with the same integers`(type: UInt32) {
        var random = RandomNumbers(seed: 33)
        for blocks in 1...5 {
            let matrix = PanelledMatrix(kw_type(type), rows: 21, blocks: blocks, scale: .realistic, &random)
            let x = random.floats(matrix.columns)
            let activations = Activations(self.scalar, x)
            let y = matrix.multiply(self.scalar, x, bias: nil, tokens: 1, rows: 0..<21)
            for row in 0..<21 {
                let terms = zip(matrix.weights(row: row), activations.widened).map { $0 * $1 }
                let size = terms.reduce(0.0) { $0 + abs($1) }
                #expect(abs(Double(y[row]) - terms.reduce(0, +)) <= 1e-6 * size, "row \(row)")
            }
        }
    }
}

/// One token's activations in int8.
private struct Activations {
    var values: [Int8]
    var groups: [kw_group]

    init(_ kernels: OpaquePointer?, _ x: [Float]) {
        self.values = [Int8](repeating: 99, count: x.count)
        self.groups = [kw_group](repeating: kw_group(), count: x.count / 32)
        kw_quantise(kernels, x, x.count, &self.values, &self.groups)
    }

    var bits: [UInt32] {
        self.groups.flatMap { group in
            [group.scale, group.sum].map(\.bitPattern)
                + [group.first, group.total].map { UInt32(bitPattern: $0) }
        }
    }

    var widened: [Double] {
        self.values.indices.map { Double(self.values[$0]) * Double(self.groups[$0 / 32].scale) }
    }
}

/// A matrix of GGML's blocks, and the panels made from them.
private struct PanelledMatrix {
    enum Scale { case any, denormal, realistic }

    let type: kw_type
    let rows: Int
    let columns: Int
    private let blocks: [UInt8]
    private let rowBytes: Int

    init(_ type: kw_type, rows: Int, blocks: Int, scale: Scale, _ random: inout RandomNumbers) {
        let blockBytes = kw_block_bytes(type)
        var bytes = (0..<rows * blocks * blockBytes).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        for block in 0..<rows * blocks {
            for offset in Self.scaleOffsets(type) {
                let bits =
                    switch scale {
                    case .any: random.halves(1)[0]
                    case .denormal: UInt16.random(in: 0..<0x400, using: &random)
                    case .realistic: UInt16.random(in: 0x1800..<0x2C00, using: &random)
                    }
                bytes[block * blockBytes + offset] = UInt8(bits & 255)
                bytes[block * blockBytes + offset + 1] = UInt8(bits >> 8)
            }
        }
        self.init(type, rows: rows, columns: blocks * kw_block_columns(type), blocks: bytes)
    }

    /// Every byte the same but for the scale, which is 1.
    init(_ type: kw_type, rows: Int, blocks: Int, quantum: UInt8) {
        let blockBytes = kw_block_bytes(type)
        var bytes = [UInt8](repeating: quantum, count: rows * blocks * blockBytes)
        for block in 0..<rows * blocks {
            for offset in Self.scaleOffsets(type) {
                bytes[block * blockBytes + offset] = 0
                bytes[block * blockBytes + offset + 1] = 0x3C
            }
        }
        self.init(type, rows: rows, columns: blocks * kw_block_columns(type), blocks: bytes)
    }

    private init(_ type: kw_type, rows: Int, columns: Int, blocks: [UInt8]) {
        (self.type, self.rows, self.columns, self.blocks) = (type, rows, columns, blocks)
        self.rowBytes = columns / kw_block_columns(type) * kw_block_bytes(type)
    }

    /// Where a block has its f16 scales.
    private static func scaleOffsets(_ type: kw_type) -> [Int] {
        switch type {
        case kw_q4_k, kw_q5_k: [0, 2]
        case kw_q6_k: [208]
        default: [0]
        }
    }

    func multiply(
        _ kernels: OpaquePointer?,
        _ x: [Float],
        bias: [Float]?,
        tokens: Int,
        rows: Range<Int>
    ) -> [Float] {
        var y = [Float](repeating: 7, count: tokens * self.rows)
        let activations = (0..<tokens).map {
            Activations(kernels, Array(x[$0 * self.columns..<($0 + 1) * self.columns]))
        }
        let (values, groups) = (activations.flatMap(\.values), activations.flatMap(\.groups))
        self.withPanels { panels in
            var matrix = kw_matrix(data: panels, type: self.type, rows: self.rows, columns: self.columns)
            values.withUnsafeBufferPointer { values in
                groups.withUnsafeBufferPointer { groups in
                    var x = kw_activations(values: values.baseAddress, groups: groups.baseAddress)
                    let (first, end) = (rows.lowerBound, rows.upperBound)
                    if let bias {
                        kw_multiply_quantised(kernels, &matrix, first, end, bias, &x, tokens, &y, self.rows)
                    } else {
                        kw_multiply_quantised(kernels, &matrix, first, end, nil, &x, tokens, &y, self.rows)
                    }
                }
            }
        }
        return y
    }

    private func withPanels(_ body: (UnsafeRawPointer) -> Void) {
        let panelBytes = kw_panel_bytes(self.type, self.columns)
        let panels = UnsafeMutableRawBufferPointer.allocate(
            byteCount: (self.rows + 15) / 16 * panelBytes,
            alignment: 64
        )
        defer { panels.deallocate() }
        guard let start = panels.baseAddress else { return }
        self.blocks.withUnsafeBytes { blocks in
            for panel in 0..<(self.rows + 15) / 16 {
                let rows = (panel * 16..<panel * 16 + 16).map { row in
                    row < self.rows ? blocks.baseAddress.map { $0 + row * self.rowBytes } : nil
                }
                kw_make_panel(self.type, rows, self.columns, start + panel * panelBytes)
            }
        }
        body(start)
    }

    // MARK: In f64, from the definition of the blocks

    func weights(row: Int) -> [Double] {
        let size = kw_block_bytes(self.type)
        let bytes = self.blocks[row * self.rowBytes..<(row + 1) * self.rowBytes]
        return stride(from: bytes.startIndex, to: bytes.endIndex, by: size).flatMap { start in
            self.weights(block: Array(bytes[start..<start + size]))
        }
    }

    private func weights(block: [UInt8]) -> [Double] {
        func half(_ at: Int) -> Double { Double(Numerics.floats([UInt16(block[at]) | UInt16(block[at + 1]) << 8])[0]) }
        switch self.type {
        case kw_q8_0: return (0..<32).map { half(0) * Double(Int8(bitPattern: block[2 + $0])) }
        case kw_q4_0: return (0..<32).map { half(0) * Double(Int(block[2 + $0 % 16] >> ($0 / 16 * 4) & 15) - 8) }
        case kw_q5_0:
            return (0..<32).map { index in
                let low = Int(block[6 + index % 16] >> (index / 16 * 4) & 15)
                return half(0) * Double(low + 16 * Int(block[2 + index / 8] >> (index % 8) & 1) - 16)
            }
        case kw_q6_k:
            return (0..<256).map { index in
                let (upper, group, c) = (index / 128, index / 32 % 4, index % 32)
                let low = Int(block[upper * 64 + group % 2 * 32 + c] >> (group / 2 * 4) & 15)
                let high = Int(block[128 + upper * 32 + c] >> (group * 2) & 3)
                return half(208) * Double(Int8(bitPattern: block[192 + index / 16])) * Double(low + 16 * high - 32)
            }
        default:
            let fifths = self.type == kw_q5_k
            return (0..<256).map { index in
                let (group, c) = (index / 32, index % 32)
                let low = Int(block[(fifths ? 48 : 16) + group / 2 * 32 + c] >> (group % 2 * 4) & 15)
                let high = fifths ? Int(block[16 + c] >> group & 1) : 0
                let (scale, minimum) = Self.unpack(Array(block[4..<16]), group)
                return half(0) * Double(scale) * Double(low + 16 * high) - half(2) * Double(minimum)
            }
        }
    }

    private static func unpack(_ packed: [UInt8], _ group: Int) -> (scale: UInt8, minimum: UInt8) {
        group < 4
            ? (packed[group] & 63, packed[group + 4] & 63)
            : (
                packed[group + 4] & 15 | (packed[group - 4] >> 6) << 4,
                packed[group + 4] >> 4 | (packed[group] >> 6) << 4
            )
    }
}
