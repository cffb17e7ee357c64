import Foundation
import StrictJSON
import Testing

@testable import Model

/// Every model of `../shared/testdata/parity` against the golden logits that `transformers` made in f32.
@Suite(.enabled(if: SharedData.isPresent, "\(SharedData.absence)"))
struct ParityTests {
    static let models = [
        "llama", "llama_mha_bf16", "llama_tied", "llama3_rope", "llama_bias", "llama_linear_rope", "llama_256", "qwen2",
        "qwen2_untied", "qwen2_yarn", "qwen3", "qwen3_untied", "mistral", "mistral_nowindow", "phi3", "gemma", "gemma2",
        "gemma3", "mixtral", "qwen2_moe", "qwen3_moe",
    ]

    @Test(arguments: models) func `matches the golden logits, rounded and not`(model: String) throws {
        try ParityModel(shared: model).checkLogits()
    }

    @Test(arguments: models) func `gives the golden stream after every block`(model: String) throws {
        try ParityModel(shared: model).checkStream()
    }
}

/// The project's own models (`Tools/parity`), each with what sets a family apart and the shared data lack.
struct FixtureParityTests {
    static let models = [
        "smollm3", "smollm3_window", "gemma2_caps", "gemma3_linear", "phi3_long", "phi3_short", "qwen2_window",
        "qwen3_bias", "mixtral_window", "qwen2_moe_mixed", "qwen3_moe_mixed",
    ]

    @Test(arguments: models) func `matches the golden logits, rounded and not`(model: String) throws {
        try ParityModel(fixture: model).checkLogits()
    }

    @Test(arguments: models) func `gives the golden stream after every block`(model: String) throws {
        try ParityModel(fixture: model).checkStream()
    }

    @Test(arguments: models) func `both generations of a file mean the same`(model: String) throws {
        let folder = ParityModel.fixtures.appendingPathComponent(model)
        let both = try ["config.json", "config.v5.json"].map { name in
            try ModelConfiguration(parsing: Array(Data(contentsOf: folder.appendingPathComponent(name))))
        }
        #expect(both[0] == both[1])
        #expect(both[0].mathematics.canonicalBytes == both[1].mathematics.canonicalBytes)
    }
}

/// A model with what `transformers` computed from it.
struct ParityModel {
    let directory: ModelDirectory
    let prompt: [UInt32]
    let greedy: [UInt32]
    let prefillLogits: NumpyArray  // [17][vocabulary]
    let decodeLogits: NumpyArray  // [8][vocabulary]
    let embeddings: NumpyArray  // [17][hidden]
    let blocks: NumpyArray  // [blocks][17][hidden]
    let decodeBlocks: NumpyArray  // [8][blocks][hidden]

    private struct Golden: Decodable {
        var prompt_ids: [UInt32]
        var greedy_ids: [UInt32]
    }

    init(shared name: String) throws {
        try self.init(folder: "\(SharedData.folder)/parity/\(name)")
    }

    static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Fixtures/parity")

    init(fixture name: String) throws {
        // Shorter contexts than the original one take other factors, as transformers takes for short texts.
        let context = name == "phi3_short" ? 64 : nil
        try self.init(folder: Self.fixtures.appendingPathComponent(name).path, contextLength: context)
    }

    init(folder: String, contextLength: Int? = nil) throws {
        let json = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/golden.json"))
        let golden = try JSONDecoder().decode(Golden.self, from: json)
        let directory = try ModelDirectory(path: folder, cache: .none)
        self.directory = try contextLength.map { try directory.limited(toContext: $0) } ?? directory
        self.prompt = golden.prompt_ids
        self.greedy = golden.greedy_ids
        self.prefillLogits = try NumpyArray(path: "\(folder)/prefill_logits.npy")
        self.decodeLogits = try NumpyArray(path: "\(folder)/decode_logits.npy")
        self.embeddings = try NumpyArray(path: "\(folder)/embed.npy")
        self.blocks = try NumpyArray(path: "\(folder)/blocks.npy")
        self.decodeBlocks = try NumpyArray(path: "\(folder)/blocks_decode.npy")
    }

    /// Prefills the prompt in one pass and decodes greedily.
    func run(rounding: Rounding) throws -> (prefill: [Float], decode: [Float], greedy: [UInt32]) {
        let all = 0..<self.directory.configuration.blockCount
        let model = try LoadedRange(self.directory, range: all, threads: 1, rounding: rounding, kernels: .best)
        let cache = try model.makeCache()
        func logits(_ tokens: [UInt32]) throws -> [Float] {
            let step = LoadedRange.Step(
                input: .tokens(tokens),
                position: cache.length,
                cache: cache,
                output: .logits(.every)
            )
            return try model.floats([step], blocks: all)[0].get()
        }
        let prefill = try logits(self.prompt)
        var greedy = [greedyToken(prefill.suffix(model.configuration.vocabularySize))]
        var decode: [Float] = []
        while greedy.count < self.greedy.count {
            let next = try logits([greedy[greedy.count - 1]])
            decode += next
            greedy.append(greedyToken(next))
        }
        return (prefill, decode, greedy)
    }

    /// The limits of parity for float weights.
    func checkLogits() throws {
        for rounding in [Rounding.toHalf, .none] {
            let (prefill, decode, greedy) = try self.run(rounding: rounding)
            #expect(greedy == self.greedy, "\(rounding)")
            for (logits, golden) in [(prefill, self.prefillLogits), (decode, self.decodeLogits)] {
                let difference = Difference(logits, from: golden.values)
                #expect(difference.largest <= (rounding == .toHalf ? 0.01 : 0.0002), "\(rounding)")
                #expect(difference.rootMeanSquare <= 0.0015, "\(rounding)")
            }
        }
    }

    /// Every block on a range of its own, as peers would hold them, over the prompt and the tokens after it.
    func checkStream() throws {
        let configuration = self.directory.configuration
        let (count, width) = (configuration.blockCount, configuration.hiddenSize)
        let hops = try (0..<count).map { block in
            let range = try LoadedRange(self.directory, range: block..<block + 1, threads: 1)
            return (range, try range.makeCache())
        }
        func check(_ tokens: [UInt32], golden: (Int) -> ArraySlice<Float>) throws {
            var stream: [UInt16] = []
            for (block, (range, cache)) in hops.enumerated() {
                stream = try range.forward(
                    block == 0 ? .tokens(tokens) : .hidden(stream),
                    blocks: range.range,
                    at: cache.length,
                    cache: cache,
                    output: .hidden
                )
                let expected = golden(block).map { $0 * configuration.streamScale }
                #expect(Difference(Numerics.floats(stream), from: expected).largest <= 0.01, "after block \(block)")
            }
        }
        let rows = self.prompt.count * width
        try check(self.prompt) { self.blocks.values[$0 * rows..<($0 + 1) * rows] }
        for step in 0..<self.greedy.count - 1 {
            try check([self.greedy[step]]) { block in
                let first = (step * count + block) * width
                return self.decodeBlocks.values[first..<first + width]
            }
        }
    }
}
