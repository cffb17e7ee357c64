import GGUF
import GGUFSamples
import Testing

@testable import Model

@Suite struct GGUFRotaryTests {
    private func rotary(
        _ keys: [(key: String, value: GGUFSample.Value)],
        tables: [String: [Float]] = [:],
        context: Int = 700
    ) throws -> RotaryEmbedding {
        var tiny = TinyGGUF(model: TinyModel(context: context), name: "llama", keys: keys)
        tiny.model.blocks = 1
        return try tiny.directory { sample in
            for (name, factors) in tables.sorted(by: { $0.key < $1.key }) {
                let bytes = factors.withUnsafeBytes { Array($0) }
                sample.tensors.append(.init(name, .f32, [factors.count], bytes))
            }
        }.configuration.rotary
    }

    @Test func `reads linear scaling and YaRN`() throws {
        let factor: (String, GGUFSample.Value) = ("rope.scaling.factor", .float32(4))
        #expect(try self.rotary([("rope.scaling.type", .text("linear")), factor]).scaling == .linear(factor: 4))
        #expect(try self.rotary([("rope.scaling.type", .text("none"))]).scaling == .none)
        let yarn = try self.rotary([
            ("rope.scaling.type", .text("yarn")), factor, ("rope.scaling.original_context_length", .uint32(175)),
        ])
        guard case .yarn(let scaling) = yarn.scaling else { return #expect(Bool(false), "no YaRN") }
        #expect(scaling.factor == 4 && scaling.originalContextLength == 175)
        let unknown = modelError { _ = try self.rotary([("rope.scaling.type", .text("spiral"))]) }
        #expect(unknown?.message.contains("spiral") == true)
    }

    @Test(arguments: [(8.0, 64), (32, 32), (8, 8192)])
    func `finds Llama 3's parameters in a table of factors`(factor: Double, original: Int) throws {
        let parameters = RotaryEmbedding.Llama3(
            factor: factor,
            lowFrequencyFactor: 1,
            highFrequencyFactor: 4,
            originalContextLength: Double(original)
        )
        func frequencies(_ scaling: RotaryEmbedding.Scaling) -> [Double] {
            RotaryEmbedding(base: 10_000, scaling: scaling).frequencies(dimension: 16, contextLength: 700)
        }
        let table = zip(frequencies(.none), frequencies(.llama3(parameters))).map { Float($0 / $1) }
        let found = try self.rotary([], tables: ["rope_freqs.weight": table])
        // A scaling that begins beyond every wavelength of so small a head leaves all factors 1: any such is the same.
        if table.contains(where: { $0 > 1 }) { #expect(found.scaling == .llama3(parameters)) }
        #expect(found.frequencies(dimension: 16, contextLength: 700) == frequencies(.llama3(parameters)))
    }

    @Test func `keeps a table that no parameters of Llama 3 make`() throws {
        let table: [Float] = [1, 1.5, 1, 3, 2, 2, 7, 1]
        let found = try self.rotary([], tables: ["rope_freqs.weight": table])
        let plain = RotaryEmbedding(base: 10_000, scaling: .none).frequencies(dimension: 16, contextLength: 700)
        #expect(found.frequencies(dimension: 16, contextLength: 700) == zip(plain, table).map { $0 / Double($1) })
        #expect(found.amplitude == 1)
    }

    @Test func `refuses a table that fits no head`() {
        for table in [[Float](repeating: 1.5, count: 7), [1, 2, .nan, 4, 5, 6, 7, 8], [1, 1, 0, 1, 1, 1, 1, 2]] {
            let error = modelError { _ = try self.rotary([], tables: ["rope_freqs.weight": table]) }
            #expect(error?.code == .invalidConfiguration)
        }
    }
}
