import CKernels
import Testing

@testable import Model

/// Every instruction set of this CPU against plain C, bit for bit, and plain C against arithmetic in f64.
@Suite struct KernelTests {
    static let sets = Kernels.all.dropFirst().map(\.name)
    private let scalar = kw_kernels_at(0)

    private func kernels(_ name: String) -> OpaquePointer? { Kernels.all.first { $0.name == name }?.table }

    // MARK: Products

    /// A matrix of any type with its shape and bytes.
    private struct Matrix {
        var type: kw_type
        var rows: Int
        var columns: Int
        var bytes: [UInt8]

        init(_ type: kw_type, rows: Int, columns: Int, _ random: inout RandomNumbers) {
            (self.type, self.rows, self.columns) = (type, rows, columns)
            switch type {
            case kw_f16: self.bytes = random.halves(rows * columns).withUnsafeBytes { Array($0) }
            case kw_bf16:
                let upper = random.floats(rows * columns).map { UInt16($0.bitPattern >> 16) }
                self.bytes = upper.withUnsafeBytes { Array($0) }
            default: self.bytes = random.floats(rows * columns).withUnsafeBytes { Array($0) }
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
            self.bytes.withUnsafeBytes { bytes in
                var matrix = kw_matrix(data: bytes.baseAddress, type: self.type, rows: self.rows, columns: self.columns)
                if let bias {
                    kw_multiply(kernels, &matrix, rows.lowerBound, rows.upperBound, bias, x, tokens, &y, self.rows)
                } else {
                    kw_multiply(kernels, &matrix, rows.lowerBound, rows.upperBound, nil, x, tokens, &y, self.rows)
                }
            }
            return y
        }
    }

    @Test(arguments: sets) func `products are those of plain C`(set: String) {
        var random = RandomNumbers(seed: 1)
        for round in 0..<150 {
            let type = [kw_f16, kw_bf16, kw_f32][round % 3]
            let columns = round < 60 ? round + 1 : Int.random(in: 1...40, using: &random) * 16
            let rows = Int.random(in: 1...37, using: &random)
            let tokens = Int.random(in: 1...15, using: &random)
            let matrix = Matrix(type, rows: rows, columns: columns, &random)
            let x = random.floats(tokens * columns, scale: round % 7 == 0 ? 1e-30 : 3)
            let bias = round % 2 == 0 ? random.floats(rows) : nil
            let first = Int.random(in: 0..<rows, using: &random)
            let part = first..<Int.random(in: first...rows, using: &random)
            let expected = matrix.multiply(self.scalar, x, bias: bias, tokens: tokens, rows: part)
            let actual = matrix.multiply(self.kernels(set), x, bias: bias, tokens: tokens, rows: part)
            #expect(firstDifference(actual, expected) == nil, "\(type) \(rows)×\(columns), \(tokens) tokens")
        }
    }

    /// Rows that are cut into blocks of columns and some that just are not; batches of every kind of tile, of packed
    /// weights, and of more than a block; row counts that leave tiles of every height.
    @Test(arguments: sets, [1023, 1024, 1025, 1536, 1537, 2049, 4100])
    func `long rows and all sizes of batches are those of plain C`(set: String, columns: Int) {
        var random = RandomNumbers(seed: UInt64(columns))
        for (type, rows) in [(kw_f16, 17), (kw_bf16, 22), (kw_f32, 29)] {
            let matrix = Matrix(type, rows: rows, columns: columns, &random)
            let x = random.floats(140 * columns)
            let expected = matrix.multiply(self.scalar, x, bias: nil, tokens: 140, rows: 1..<rows)
            for tokens in Array(1...20) + [64, 65, 99, 127, 128, 129, 140] {
                let actual = matrix.multiply(self.kernels(set), x, bias: nil, tokens: tokens, rows: 1..<rows)
                #expect(firstDifference(actual, expected.prefix(tokens * rows)) == nil, "\(type), \(tokens) tokens")
            }
        }
    }

    @Test(arguments: Kernels.all.map(\.name)) func `a token's product does not depend on the others`(set: String) {
        var random = RandomNumbers(seed: 2)
        let matrix = Matrix(kw_f16, rows: 33, columns: 172, &random)
        let x = random.floats(600 * 172)
        let together = matrix.multiply(self.kernels(set), x, bias: nil, tokens: 600, rows: 0..<33)
        for token in 0..<600 {
            let alone = matrix.multiply(
                self.kernels(set),
                Array(x[token * 172..<(token + 1) * 172]),
                bias: nil,
                tokens: 1,
                rows: 0..<33
            )
            #expect(alone == Array(together[token * 33..<(token + 1) * 33]))
        }
    }

    @Test func `plain C multiplies as f64 does`() {
        var random = RandomNumbers(seed: 3)
        let matrix = Matrix(kw_f32, rows: 9, columns: 77, &random)
        let x = random.floats(77)
        let weights = matrix.bytes.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
        let y = matrix.multiply(self.scalar, x, bias: nil, tokens: 1, rows: 0..<9)
        for row in 0..<9 {
            let exact = (0..<77).reduce(0.0) { $0 + Double(x[$1]) * Double(weights[row * 77 + $1]) }
            #expect(abs(Double(y[row]) - exact) < 1e-5)
        }
    }

    // MARK: Rows

    @Test(arguments: sets) func `norms, rotations, gates and sums are those of plain C`(set: String) {
        var random = RandomNumbers(seed: 4)
        for n in Array(1...70) + [128, 576, 1000] {
            let (x, y) = (random.floats(2 * n, scale: 30), random.floats(2 * n, scale: 30))
            func run(_ kernels: OpaquePointer?) -> [[UInt32]] {
                var normed = [Float](repeating: 0, count: 2 * n)
                kw_normalize(kernels, x, y, 1e-5, 2 * n, &normed)
                var (rotated, silu, gelu, added, scaled, capped) = (x, x, x, x, x, x)
                let (cosine, sine) = (Array(y.prefix(n)), Array(y.suffix(n)))
                kw_rotate(kernels, &rotated, cosine, sine, n)
                kw_gate(kernels, kw_silu, &silu, y, 2 * n)
                kw_gate(kernels, kw_gelu, &gelu, y, 2 * n)
                kw_add(kernels, &added, y, 0.3, 2 * n)
                kw_scale(kernels, &scaled, 0.3, 2 * n)
                kw_soft_cap(kernels, &capped, 7, 2 * n)
                return [normed, rotated, silu, gelu, added, scaled, capped].map { $0.map(\.bitPattern) }
            }
            #expect(run(self.kernels(set)) == run(self.scalar), "\(n)")
        }
    }

    @Test func `tanh in f32 is within four units of the last place, also near 0`() {
        for step in -4000...4000 {
            let x = step.isMultiple(of: 2) ? Float(step) / 300 : Float(step) * 0x1p-40
            // The series for small arguments, where the quotient of exponentials loses what it is made of.
            let (e, square) = (Numerics.exp(2 * Double(x)), Double(x) * Double(x))
            let exact = abs(x) < 1e-3 ? Double(x) * (1 - square / 3 + 2 * square * square / 15) : (e - 1) / (e + 1)
            #expect(abs(Double(kw_tanhf(x)) - exact) <= Double(Float(exact).ulp) * 4, "\(x)")
        }
        #expect(kw_tanhf(.infinity) == 1)
        #expect(kw_tanhf(-.infinity) == -1)
        #expect(kw_tanhf(.nan).isNaN)
        #expect(kw_tanhf(0) == 0)
    }

    @Test func `the activations of plain C are those of f64`() {
        for step in -3000...3000 {
            let x = Float(step) / 100
            func gated(_ activation: kw_activation) -> Double {
                var gate = x
                kw_gate(self.scalar, activation, &gate, [1], 1)
                return Double(gate)
            }
            let wide = Double(x)
            let silu = wide / (1 + Numerics.exp(-wide))
            let u = (2 / Double.pi).squareRoot() * (wide + 0.044715 * wide * wide * wide)
            let gelu = wide / (1 + Numerics.exp(-2 * u))
            #expect(abs(gated(kw_silu) - silu) <= 1e-6 * max(abs(silu), 1e-3), "\(x)")
            #expect(abs(gated(kw_gelu) - gelu) <= 4e-6 * max(abs(gelu), 1e-3), "\(x)")
        }
    }

    @Test func `exp in f32 is within two units of the last place`() {
        for step in -2100...1700 {
            let x = Float(step) / 19
            let exact = Numerics.exp(Double(x))
            let tolerance = max(Double(Float(exact).ulp) * 2, 3e-45)
            #expect(abs(Double(kw_expf(x)) - exact) <= tolerance || Float(exact) == kw_expf(x), "\(x)")
        }
        #expect(kw_expf(.infinity) == .infinity)
        #expect(kw_expf(-.infinity) == 0)
        #expect(kw_expf(.nan).isNaN)
        #expect(kw_expf(0) == 1)
    }

    // MARK: Numbers

    @Test(arguments: Kernels.all.map(\.name)) func `every f16 survives, and what lies between rounds to even`(
        set: String
    ) {
        let table = self.kernels(set)
        func widened(_ bits: [UInt16], _ type: kw_type = kw_f16) -> [Float] {
            var floats = [Float](repeating: 0, count: bits.count)
            kw_widen(table, type, bits, &floats, bits.count)
            return floats
        }
        func narrowed(_ floats: [Float]) -> [UInt16] {
            var bits = [UInt16](repeating: 0, count: floats.count)
            _ = kw_narrow(table, floats, &bits, floats.count)
            return bits
        }
        for sign: UInt16 in [0, 0x8000] {
            let all = (0..<UInt16(0x7C00)).map { $0 | sign }
            let floats = widened(all)
            #expect(narrowed(floats) == all)
            #expect(floats[1].magnitude == 0x1p-24)
            #expect(floats[0x3C00].magnitude == 1)
            let middles = zip(floats, floats.dropFirst()).map { ($0 + $1) / 2 }
            let even = all.dropLast().map { $0 & 1 == 0 ? $0 : $0 + 1 }
            #expect(narrowed(middles) == even)
            let away: Float = sign == 0 ? 1 : -1
            #expect(narrowed(middles.map { away > 0 ? $0.nextUp : $0.nextDown }) == Array(all.dropFirst()))
            #expect(narrowed(middles.map { away > 0 ? $0.nextDown : $0.nextUp }) == Array(all.dropLast()))
        }
        #expect(widened([0x3F80, 0xC000], kw_bf16) == [1, -2])
    }

    @Test(arguments: Kernels.all.map(\.name)) func `saturates and counts what f16 cannot hold`(set: String) {
        let table = self.kernels(set)
        let floats: [Float] = [65504, 65519.996, 65520, -1e9, .infinity, -.infinity, .nan, 1, 0]
        var bits = [UInt16](repeating: 0, count: floats.count)
        let met = kw_narrow(table, floats, &bits, floats.count)
        #expect(met.saturated == 4)
        #expect(met.not_finite == 3)
        #expect(Array(bits.prefix(6)) == [0x7BFF, 0x7BFF, 0x7BFF, 0xFBFF, 0x7BFF, 0xFBFF])
        #expect(bits[6] & 0x7C00 == 0x7C00 && bits[6] & 0x3FF != 0)
        var inPlace = floats
        let again = kw_round(table, &inPlace, inPlace.count)
        #expect(again.saturated == 4 && again.not_finite == 3)
        #expect(Array(inPlace.prefix(4)) == [65504, 65504, 65504, -65504])
        #expect(kw_count_not_finite(bits, bits.count) == 1)
        #expect(kw_count_not_finite([0x7C00, 0xFC01, 0x7BFF], 3) == 2)
    }

    // MARK: Attention

    @Test(arguments: sets) func `attention is that of plain C, also where tokens share reads`(set: String) {
        var random = RandomNumbers(seed: 5)
        for round in 0..<60 {
            let trial = AttentionTrial(
                type: round % 3 == 0 ? kw_f32 : kw_f16,
                dimension: [8, 16, 24, 32, 64, 80, 128][round % 7],
                heads: [1, 2, 3, 7][round % 4],
                tokens: round % 20 == 19 ? 130 : Int.random(in: 1...20, using: &random),
                position: Int.random(in: 0...350, using: &random),
                window: round % 5 < 2 ? [1, 7, 64, 100][round % 4] : 0,
                softCap: round % 4 == 1 ? 3 : 0,
                &random
            )
            let expected = trial.run(self.scalar)
            #expect(firstDifference(trial.run(self.kernels(set)), expected) == nil)
            #expect(firstDifference(trial.runTokenByToken(self.kernels(set)), expected) == nil)
            for name in ["scalar", set] {
                #expect(firstDifference(trial.runTileByTile(self.kernels(name)), expected) == nil)
            }
        }
    }

    @Test(arguments: [(0, 0), (0, 0.5), (1, 0), (64, 0), (65, 2), (70, 0), (131, 0), (1000, 0.5)])
    func `attention of plain C is softmax times values in f64`(window: Int, softCap: Float) {
        var random = RandomNumbers(seed: 6)
        let trial = AttentionTrial(
            type: kw_f32,
            dimension: 16,
            heads: 2,
            tokens: 3,
            position: 130,
            window: window,
            softCap: softCap,
            &random
        )
        for (value, exact) in zip(trial.run(self.scalar), trial.exact()) { #expect(abs(Double(value) - exact) < 1e-5) }
    }
}

/// Queries against a cache of random keys and values, in two pages of four tiles; positions that no token sees hold NaN.
private struct AttentionTrial {
    var attention = kw_attention()
    var queries: [Float]
    var pages: [[Float]]
    var keys: [Float]
    var values: [Float]

    init(
        type: kw_type,
        dimension: Int,
        heads: Int,
        tokens: Int,
        position: Int,
        window: Int,
        softCap: Float,
        _ random: inout RandomNumbers
    ) {
        let stride = (dimension + 31) / 32 * 32
        let length = position + tokens
        self.queries = random.floats(tokens * heads * dimension)
        self.keys = Numerics.floats(Numerics.halves(random.floats(length * dimension)))
        self.values = Numerics.floats(Numerics.halves(random.floats(length * dimension)))
        self.attention.query_stride = heads * dimension
        self.attention.tokens = tokens
        self.attention.heads = heads
        self.attention.dimension = dimension
        self.attention.value_stride = stride
        self.attention.position = position
        self.attention.window = window
        self.attention.soft_cap = softCap
        self.attention.tiles_per_page = 4
        self.attention.type = type
        self.attention.scale = 1 / Float(dimension).squareRoot()
        self.attention.tile_bytes = (dimension + stride) * 64 * (type == kw_f32 ? 4 : 2)
        let pageFloats = self.attention.tile_bytes
        self.pages = [[Float]](repeating: [Float](repeating: .nan, count: pageFloats), count: 2)
        for seen in self.visible(toToken: 0).lowerBound..<length { self.write(seen) }
    }

    private func visible(toToken token: Int) -> ClosedRange<Int> {
        let position = self.attention.position + token
        return (self.attention.window == 0 ? 0 : max(position + 1 - self.attention.window, 0))...position
    }

    private mutating func write(_ position: Int) {
        let dimension = self.attention.dimension
        let tileBytes = self.attention.tile_bytes
        let type = self.attention.type
        let key = Array(self.keys[position * dimension..<(position + 1) * dimension])
        let value = Array(self.values[position * dimension..<(position + 1) * dimension])
        let row = position % 64 * self.attention.value_stride
        self.pages[position / 256].withUnsafeMutableBytes { page in
            let tile = UnsafeMutableRawBufferPointer(rebasing: page[(position % 256 / 64 * tileBytes)...])
            if type == kw_f32 {
                kw_place_keys(type, key, dimension, tile.baseAddress, position % 64)
                let values = tile.baseAddress?.assumingMemoryBound(to: Float.self)
                for d in 0..<dimension { values?[dimension * 64 + row + d] = value[d] }
            } else {
                kw_place_keys(type, Numerics.halves(key), dimension, tile.baseAddress, position % 64)
                let values = tile.baseAddress?.assumingMemoryBound(to: UInt16.self)
                for (d, half) in Numerics.halves(value).enumerated() { values?[dimension * 64 + row + d] = half }
            }
        }
    }

    func run(_ kernels: OpaquePointer?, tokens: Range<Int>? = nil) -> [Float] {
        let tokens = tokens ?? 0..<self.attention.tokens
        return self.output { kw_attend(kernels, &$0, tokens.lowerBound, tokens.upperBound) }
    }

    /// What `body` writes as the output of the attention that it is given.
    private func output(_ body: (inout kw_attention) -> Void) -> [Float] {
        var output = [Float](repeating: 0, count: self.queries.count)
        self.pages[0].withUnsafeBytes { first in
            self.pages[1].withUnsafeBytes { second in
                let table = [first.baseAddress, second.baseAddress]
                self.queries.withUnsafeBufferPointer { queries in
                    output.withUnsafeMutableBufferPointer { output in
                        table.withUnsafeBufferPointer { table in
                            var attention = self.attention
                            attention.queries = queries.baseAddress
                            attention.output = output.baseAddress
                            attention.pages = table.baseAddress
                            body(&attention)
                        }
                    }
                }
            }
        }
        return output
    }

    func runTokenByToken(_ kernels: OpaquePointer?) -> [Float] {
        let width = self.attention.query_stride
        return (0..<self.attention.tokens).flatMap { token in
            self.run(kernels, tokens: token..<token + 1)[token * width..<(token + 1) * width]
        }
    }

    /// Each token's tiles one by one, put together in two rounds as threads do with a long context.
    func runTileByTile(_ kernels: OpaquePointer?) -> [Float] {
        let size = Int(KW_PARTIAL_OUTPUT) + self.attention.value_stride
        let stride = self.attention.heads * size
        return self.output { attention in
            for token in 0..<attention.tokens {
                let position = attention.position + token
                let first = attention.window == 0 ? 0 : max(position + 1 - attention.window, 0) / 64
                let count = position / 64 + 1 - first
                var partials = [Float](repeating: .nan, count: count * stride)
                partials.withUnsafeMutableBufferPointer { partials in
                    guard let start = partials.baseAddress else { return }
                    for tile in (0..<count).reversed() {
                        let slot = start + tile * stride
                        kw_attend_tiles(kernels, &attention, token, first + tile, first + tile + 1, slot, stride)
                    }
                    for head in 0..<attention.heads {
                        let half = (count + 1) / 2
                        kw_merge_tiles(kernels, &attention, half, start + head * size, stride, nil)
                        let rest = start + (half - 1) * stride + head * size
                        if half > 1 { rest.update(from: start + head * size, count: size) }
                        let to = token * attention.query_stride + head * attention.dimension
                        kw_merge_tiles(kernels, &attention, count - half + 1, rest, stride, attention.output + to)
                    }
                }
            }
        }
    }

    func exact() -> [Double] {
        let dimension = self.attention.dimension
        return (0..<self.attention.tokens * self.attention.heads).flatMap { index in
            let query = self.queries[index * dimension..<(index + 1) * dimension].map(Double.init)
            let visible = self.visible(toToken: index / self.attention.heads)
            let cap = Double(self.attention.soft_cap)
            let scores = visible.map { position in
                let product = (0..<dimension).reduce(0.0) {
                    $0 + query[$1] * Double(self.keys[position * dimension + $1])
                }
                let score = product * Double(self.attention.scale)
                guard cap > 0 else { return score }
                let e = Numerics.exp(2 * score / cap)
                return cap * (e - 1) / (e + 1)
            }
            let highest = scores.max() ?? 0
            let weights = scores.map { Numerics.exp($0 - highest) }
            let sum = weights.reduce(0, +)
            return (0..<dimension).map { d in
                zip(visible, weights).reduce(0.0) { $0 + $1.1 * Double(self.values[$1.0 * dimension + d]) } / sum
            }
        }
    }
}
