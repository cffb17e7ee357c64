import CAllocations
import Testing

@testable import Model

/// A step finds its memory where earlier steps left it: what it allocates does not grow with blocks or tokens.
@Suite(.enabled(if: areCounted, "allocations are counted on glibc, and fewer in optimised builds only"))
struct AllocationTests {
    /// Large enough that threads share a pass of 64 tokens.
    private static let models = [
        TinyModel(hidden: 128, feedForward: 384),
        TinyModel(architecture: "Phi3ForCausalLM", hidden: 128, feedForward: 384),
        TinyModel(
            architecture: "Gemma3ForCausalLM",
            hidden: 128,
            feedForward: 384,
            extraKeys: ["sliding_window": "20", "sliding_window_pattern": "2"]
        ),
        TinyModel(
            architecture: "MixtralForCausalLM",
            hidden: 128,
            feedForward: 384,
            extraKeys: ["num_local_experts": "4", "num_experts_per_tok": "2"]
        ),
    ]

    private struct Load {
        var format: Quantization?
        var blocks = 2
        var threads = 1
        var tokens = 1
    }

    /// What one step allocates on this thread, after others like it.
    private func allocations(_ model: TinyModel, _ load: Load) throws -> Int {
        var model = model
        model.blocks = load.blocks
        let all = 0..<model.blocks
        let range = try LoadedRange(model.embedded(), range: all, threads: load.threads, quantize: load.format)
        let cache = try range.makeCache(maximumTokens: KVCache.pageTokens)
        let input = LoadedRange.Input.tokens([UInt32](repeating: 7, count: load.tokens))
        var count = 0
        for _ in 0..<3 {
            cache.truncate(to: 0)
            let before = allocations_of_this_thread()
            _ = try range.forward(input, blocks: all, at: 0, cache: cache, output: .logits(.last))
            count = allocations_of_this_thread() - before
        }
        return count
    }

    @Test(arguments: 0..<models.count, [nil, Quantization.q8_0]) func `does not grow with blocks or tokens`(
        model: Int,
        format: Quantization?
    ) throws {
        // The lists of steps and of their parts, the logits in f32, and what the caller gets.
        let handful = 8
        for (blocks, tokens) in [(2, 1), (4, 1), (2, 64), (4, 64)] {
            let count = try self.allocations(
                Self.models[model],
                Load(format: format, blocks: blocks, tokens: tokens)
            )
            #expect(count > 0 && count <= handful, "\(blocks) blocks, \(tokens) tokens")
        }
    }

    /// Swift allocates the closure that threads share, a few dozen bytes.
    @Test(arguments: 0..<models.count, [nil, Quantization.q8_0]) func `is one for each piece of work that is shared`(
        model: Int,
        format: Quantization?
    ) throws {
        func shared(blocks: Int, tokens: Int) throws -> Int {
            let model = Self.models[model]
            let load = Load(format: format, blocks: blocks, tokens: tokens)
            var sharing = load
            sharing.threads = 2
            return try self.allocations(model, sharing) - self.allocations(model, load)
        }
        let (two, four) = try (shared(blocks: 2, tokens: 64), shared(blocks: 4, tokens: 64))
        #expect(two > 0 && four > two)
        #expect(try shared(blocks: 2, tokens: 128) == two)
        // Products, norms, attention and sums, some of them several times; as much again for each expert.
        let pieces = Self.models[model].extraKeys["num_local_experts"] == nil ? 20 : 40
        #expect(four - two <= 2 * pieces)
    }
}

private var areCounted: Bool {
    #if DEBUG
        false
    #else
        allocations_are_counted()
    #endif
}
