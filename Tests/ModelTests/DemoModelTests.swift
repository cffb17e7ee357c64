import CDemoModel
import Foundation
import Testing

@testable import Model

/// The model that is part of the program, against what PyTorch computes from the same weights in f32.
@Suite struct DemoModelTests {
    private struct Golden: Decodable {
        struct Case: Decodable {
            var prompt_ids: [UInt32]
            var greedy_ids: [UInt32]
        }
        var cases: [Case]
    }

    private static func directory() throws -> ModelDirectory {
        func bytes(_ file: kwaai_demo_file) -> UnsafeRawBufferPointer {
            UnsafeRawBufferPointer(start: file.start, count: file.count)
        }
        return try ModelDirectory(
            embedded: EmbeddedModel(
                name: "demo",
                configuration: Array(bytes(kwaai_demo_config())),
                tokenizer: Array(bytes(kwaai_demo_tokenizer())),
                weights: bytes(kwaai_demo_weights())
            )
        )
    }

    @Test func `has the shape that two halves of 12 blocks come from`() throws {
        let configuration = try Self.directory().configuration
        #expect(configuration.blockCount == 24)
        #expect(!configuration.endOfSequenceTokens.isEmpty)
        #expect(try Self.directory().weightFormat == "f16")
    }

    @Test func `tells the stories that PyTorch tells`() throws {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Fixtures/demo-golden.json")
        let golden = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: path))
        let model = try LoadedRange(Self.directory(), range: 0..<24, threads: 1)
        for example in golden.cases {
            let cache = try model.makeCache()
            var input = example.prompt_ids
            for token in example.greedy_ids {
                let bits = try model.forward(
                    .tokens(input),
                    blocks: 0..<24,
                    at: cache.length,
                    cache: cache,
                    output: .logits(.last)
                )
                let logits = Numerics.floats(bits)
                // f16 can only turn a choice that it hardly tells apart; we go on with the golden one.
                #expect((logits.max() ?? 0) - logits[Int(token)] <= 0x1p-5)
                input = [token]
            }
        }
    }

    @Test(arguments: [[12], [5, 17], [8, 16]]) func `is the same model wherever it is cut`(cuts: [Int]) throws {
        let directory = try Self.directory()
        func logits(_ bounds: [Int]) throws -> [UInt16] {
            var stream: [UInt16] = []
            for (first, end) in zip(bounds, bounds.dropFirst()) {
                let range = try LoadedRange(directory, range: first..<end, threads: 1)
                stream = try range.forward(
                    first == 0 ? .tokens((1...40).map { $0 * 7 }) : .hidden(stream),
                    blocks: first..<end,
                    at: 0,
                    cache: range.makeCache(),
                    output: end == 24 ? .logits(.every) : .hidden
                )
            }
            return stream
        }
        #expect(try logits([0] + cuts + [24]) == logits([0, 24]))
    }
}
