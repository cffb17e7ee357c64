import Foundation
import Testing

@testable import Model

/// A real model that somebody else trained, decoded greedily.
@Suite(.enabled(if: SharedData.isPresent, "\(SharedData.absence)"))
struct StoriesTests {
    private struct Golden: Decodable {
        struct Case: Decodable {
            var prompt: String
            var prompt_ids: [UInt32]
            var greedy_ids: [UInt32]
        }
        var cases: [Case]
    }

    @Test(arguments: ["hf", "hf-f16", "hf-bf16-sharded"])
    func `continues as transformers does`(folder: String) throws {
        let path = "\(SharedData.folder)/stories260K/\(folder)"
        let json = try Data(contentsOf: URL(fileURLWithPath: "\(path)/golden.json"))
        let golden = try JSONDecoder().decode(Golden.self, from: json)
        let directory = try ModelDirectory(path: path, cache: .none)
        let model = try LoadedRange(directory, range: 0..<5, threads: 1)
        for example in golden.cases {
            let (tokens, logits) = try self.greedy(model, example.prompt_ids, count: example.greedy_ids.count)
            let same = zip(tokens, example.greedy_ids).prefix { $0 == $1 }.count
            if same == example.greedy_ids.count { continue }
            // f16 logits can only turn a choice that f16 hardly tells apart.
            let ours = logits[same][Int(tokens[same])]
            let theirs = logits[same][Int(example.greedy_ids[same])]
            #expect(ours - theirs <= 0x1p-7, "\(example.prompt) differs at token \(same)")
            #expect(example.prompt != "Once upon a time")
        }
    }

    /// The tokens, and the logits that each was chosen from.
    private func greedy(
        _ model: LoadedRange,
        _ prompt: [UInt32],
        count: Int
    ) throws -> (tokens: [UInt32], logits: [[Float]]) {
        let cache = try model.makeCache()
        var input = prompt
        var tokens: [UInt32] = []
        var logits: [[Float]] = []
        while tokens.count < count {
            let bits = try model.forward(
                .tokens(input),
                blocks: model.range,
                at: cache.length,
                cache: cache,
                output: .logits(.last)
            )
            logits.append(Numerics.floats(bits))
            tokens.append(greedyToken(logits[logits.count - 1]))
            input = [tokens[tokens.count - 1]]
        }
        return (tokens, logits)
    }
}
