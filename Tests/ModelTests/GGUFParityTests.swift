import Foundation
import Testing

@testable import Model

/// Every model of `../shared/testdata/gguf` against the logits that a float64 forward of its dequantised weights gives.
@Suite(.enabled(if: SharedData.isPresent, "\(SharedData.absence)"))
struct GGUFParityTests {
    static let models: [String] = {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: "\(SharedData.folder)/gguf")) ?? []
        return files.filter { $0.hasSuffix(".gguf") }.map { String($0.dropLast(5)) }.sorted()
            .filter { Family.named("Qwen3ForCausalLM") != nil || !$0.hasPrefix("qwen3") }
    }()

    @Test(arguments: models) func `matches the golden logits where weights become floats`(model: String) throws {
        try GGUFGolden(model).check(.dequantised)
    }

    @Test(arguments: models.filter { $0.hasSuffix("F32") || $0.hasSuffix("F16") })
    func `matches them with floats as they are stored`(model: String) throws {
        try GGUFGolden(model).check(.stored)
    }
}

/// A GGUF file with the logits of its prompt and of what follows greedily.
struct GGUFGolden {
    let directory: ModelDirectory
    let prompt: [UInt32]
    let greedy: [UInt32]
    let logits: NumpyArray  // [17 + 11][vocabulary]

    private struct Golden: Decodable {
        var prompt_ids: [UInt32]
        var greedy_ids: [UInt32]
    }

    init(_ name: String) throws {
        let path = "\(SharedData.folder)/gguf/\(name)"
        let json = try Data(contentsOf: URL(fileURLWithPath: "\(path).golden.json"))
        let golden = try JSONDecoder().decode(Golden.self, from: json)
        self.directory = try ModelDirectory(path: "\(path).gguf", cache: .none)
        self.prompt = golden.prompt_ids
        self.greedy = golden.greedy_ids
        self.logits = try NumpyArray(path: "\(path).logits.npy")
    }

    func check(_ weights: LoadedRange.Weights) throws {
        let all = 0..<self.directory.configuration.blockCount
        let model = try LoadedRange(
            self.directory,
            range: all,
            threads: 1,
            weights: weights,
            rounding: .toHalf,
            kernels: .best
        )
        let cache = try model.makeCache()
        var computed: [Float] = []
        for tokens in [self.prompt] + self.greedy.dropLast().map({ [$0] }) {
            let step = LoadedRange.Step(
                input: .tokens(tokens),
                position: cache.length,
                cache: cache,
                output: .logits(.every)
            )
            computed += try model.floats([step], blocks: all)[0].get()
        }
        let difference = Difference(computed, from: self.logits.values)
        try #require(computed.count == self.logits.values.count)
        #expect(difference.largest <= 0.01)
        #expect(difference.rootMeanSquare <= 0.0015)
        let width = model.configuration.vocabularySize
        for row in stride(from: 0, to: computed.count, by: width) {
            let golden = self.logits.values[row..<row + width]
            guard Self.isClear(golden) else { continue }
            #expect(greedyToken(computed[row..<row + width]) == greedyToken(golden), "token \(row / width)")
        }
    }

    /// Whether the largest logit stays the largest in f16; one row of all these goldens is nearer to a tie.
    private static func isClear(_ logits: ArraySlice<Float>) -> Bool {
        let largest = logits.sorted().suffix(2)
        return largest[largest.endIndex - 1] - largest[largest.startIndex] > abs(logits.max() ?? 0).ulp * 0x1p13
    }
}
