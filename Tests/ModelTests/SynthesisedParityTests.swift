import Foundation
import Testing

@testable import Model

/// Random checkpoints in the shapes of real models, too large to keep: `make_synth.py NAME TOKENIZER FOLDER/NAME` of the
/// shared data makes them, and `KWAAI_SYNTHESISED_MODELS=FOLDER` says where they are.
private enum SynthesisedModels {
    static let folder = ProcessInfo.processInfo.environment["KWAAI_SYNTHESISED_MODELS"] ?? ""
    static let goldens = "\(SharedData.folder)/synth_golden"
    static let present = ["SmolLM2-135M-Instruct", "Qwen2.5-0.5B-Instruct"].filter { name in
        [SynthesisedModels.folder, SynthesisedModels.goldens].allSatisfy { folder in
            FileManager.default.fileExists(atPath: "\(folder)/\(name)")
        }
    }
}

@Suite(.enabled(if: !SynthesisedModels.present.isEmpty, "needs KWAAI_SYNTHESISED_MODELS and ../shared/testdata"))
struct SynthesisedParityTests {
    private struct Golden: Decodable {
        var prompt_ids: [UInt32]
        var greedy_ids: [UInt32]
    }

    @Test(arguments: SynthesisedModels.present) func `computes what transformers does in true shapes`(name: String)
        throws
    {
        let json = try Data(contentsOf: URL(fileURLWithPath: "\(SynthesisedModels.goldens)/\(name)/golden.json"))
        let golden = try JSONDecoder().decode(Golden.self, from: json)
        let logits = try NumpyArray(path: "\(SynthesisedModels.goldens)/\(name)/golden_last_logits.npy")

        let directory = try ModelDirectory(path: "\(SynthesisedModels.folder)/\(name)", cache: .none)
        let all = 0..<directory.configuration.blockCount
        let model = try LoadedRange(directory, range: all, threads: 2)
        let cache = try model.makeCache()
        var greedy: [UInt32] = []
        var tokens = golden.prompt_ids
        while greedy.count < golden.greedy_ids.count {
            let bits = try model.forward(
                .tokens(tokens),
                blocks: all,
                at: cache.length,
                cache: cache,
                output: .logits(.last)
            )
            if greedy.isEmpty {
                let difference = Difference(Numerics.floats(bits), from: logits.values)
                #expect(difference.largest <= 0.01)
                // Thirty blocks round more often than the few that the limit of 0.15 % is meant for.
                #expect(difference.rootMeanSquare <= 0.003)
            }
            greedy.append(greedyToken(Numerics.floats(bits)))
            tokens = greedy.suffix(1)
        }
        #expect(greedy == golden.greedy_ids)
    }
}
