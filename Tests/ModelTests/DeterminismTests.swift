import Testing

@testable import Model

/// The property that everything else stands on (DESIGN.md §6): the same bits however a sequence is computed.
@Suite struct DeterminismTests {
    static let models = [
        TinyModel(),
        TinyModel(architecture: "Qwen2ForCausalLM", hidden: 40, heads: 4, keyValueHeads: 2, isTied: false, type: .bf16),
        TinyModel(hidden: 33, feedForward: 50, headDimension: 6, type: .f32, extraKeys: ["attention_bias": "true"]),
        // Windows that end within a tile and reach over two; caps; two rotations; experts; parts of heads.
        TinyModel(
            architecture: "Gemma2ForCausalLM",
            extraKeys: ["sliding_window": "70", "attn_logit_softcapping": "2.0", "query_pre_attn_scalar": "20"]
        ),
        TinyModel(
            architecture: "Gemma3ForCausalLM",
            type: .bf16,
            extraKeys: ["sliding_window": "100", "sliding_window_pattern": "3"]
        ),
        TinyModel(
            architecture: "Phi3ForCausalLM",
            isTied: false,
            extraKeys: [
                "partial_rotary_factor": "0.75", "sliding_window": "33",
                "rope_scaling": """
                {"type": "longrope", "original_max_position_embeddings": 64, "short_factor": [1, 1, 1, 1, 1, 1], \
                "long_factor": [1, 1.5, 2, 3, 5, 8]}
                """,
            ]
        ),
        TinyModel(
            architecture: "Qwen2MoeForCausalLM",
            isTied: false,
            extraKeys: [
                "num_experts": "7", "num_experts_per_tok": "3", "moe_intermediate_size": "24",
                "shared_expert_intermediate_size": "40", "norm_topk_prob": "true", "mlp_only_layers": "[2]",
            ]
        ),
        TinyModel(
            architecture: "SmolLM3ForCausalLM",
            extraKeys: ["use_sliding_window": "true", "sliding_window": "64", "no_rope_layer_interval": "2"]
        ),
    ]

    /// 150 tokens cross two tile borders, with a decode of 5 after them.
    private static func prompt(_ model: TinyModel) -> [UInt32] {
        (0..<155).map { UInt32(Numerics.randomBits(seed: 3, position: $0) % UInt64(model.vocabulary)) }
    }

    /// The logits of every token as f16 bits, the prompt cut into `chunks` and the blocks at `cuts`.
    private static func logits(
        _ model: TinyModel,
        chunk: Int = 150,
        cuts: [Int] = [],
        threads: Int = 1,
        kernels: Kernels = .best
    ) throws -> [UInt16] {
        let directory = try model.embedded()
        let bounds = [0] + cuts + [model.blocks]
        let hops = try zip(bounds, bounds.dropFirst()).map { first, end in
            let range = try LoadedRange(
                directory,
                range: first..<end,
                threads: threads,
                rounding: .toHalf,
                kernels: kernels
            )
            return (range, try range.makeCache())
        }
        let prompt = Self.prompt(model)
        var logits: [UInt16] = []
        var position = 0
        while position < prompt.count {
            let count = position < 150 ? min(chunk, 150 - position) : 1
            var stream: [UInt16] = []
            for (range, cache) in hops {
                let isFirst = range.range.lowerBound == 0
                stream = try range.forward(
                    isFirst ? .tokens(Array(prompt[position..<position + count])) : .hidden(stream),
                    blocks: range.range,
                    at: position,
                    cache: cache,
                    output: range.range.upperBound == model.blocks ? .logits(.every) : .hidden
                )
            }
            logits += stream
            position += count
        }
        return logits
    }

    @Test(arguments: models.indices) func `does not depend on where the blocks are cut`(index: Int) throws {
        let model = Self.models[index]
        let whole = try Self.logits(model)
        #expect(whole.count == 155 * model.vocabulary)
        for cut in 1..<model.blocks { #expect(try Self.logits(model, cuts: [cut]) == whole, "cut at \(cut)") }
        #expect(try Self.logits(model, cuts: Array(1..<model.blocks)) == whole)
    }

    @Test(arguments: models.indices, [1, 7, 64]) func `does not depend on the chunks of a prefill`(
        index: Int,
        chunk: Int
    ) throws {
        let model = Self.models[index]
        #expect(try Self.logits(model, chunk: chunk) == Self.logits(model))
    }

    @Test(arguments: models.indices) func `does not depend on the instruction set`(index: Int) throws {
        let model = Self.models[index]
        let reference = try Self.logits(model, kernels: Kernels.all[0])
        for kernels in Kernels.all.dropFirst() {
            #expect(try Self.logits(model, kernels: kernels) == reference, "\(kernels.name)")
        }
    }

    @Test func `does not depend on the number of threads`() throws {
        // Large enough that a pass is worth waking other threads for.
        let model = TinyModel(hidden: 256, feedForward: 512, blocks: 4, heads: 8, keyValueHeads: 4, headDimension: 32)
        let alone = try Self.logits(model)
        for threads in 2...4 { #expect(try Self.logits(model, threads: threads) == alone) }
    }

    /// Two key heads for four threads, 18 tiles before the last tokens; and more tiles than fit into one round.
    @Test(arguments: [
        (
            TinyModel(
                hidden: 256,
                feedForward: 2048,
                blocks: 3,
                heads: 6,
                keyValueHeads: 2,
                headDimension: 40,
                context: 1200
            ), 1130
        ),
        (
            TinyModel(hidden: 64, blocks: 1, heads: 2, headDimension: 8, vocabulary: 100_000, context: 16_600),
            16_500
        ),
    ])
    func `does not depend on the threads that split a long context`(model: TinyModel, prompt: Int) throws {
        let directory = try model.embedded()
        func logits(threads: Int) throws -> [UInt16] {
            let range = try LoadedRange(directory, range: 0..<model.blocks, threads: threads)
            let cache = try range.makeCache()
            var logits: [UInt16] = []
            for tokens in [0..<prompt, prompt..<prompt + 1, prompt + 1..<prompt + 2] {
                logits = try range.forward(
                    .tokens(tokens.map { UInt32($0 * 31 % model.vocabulary) }),
                    blocks: range.range,
                    at: tokens.lowerBound,
                    cache: cache,
                    output: .logits(.last)
                )
            }
            return logits
        }
        let alone = try logits(threads: 1)
        for threads in [2, 4] { #expect(try logits(threads: threads) == alone) }
    }

    @Test func `does not depend on the sequences that share a pass`() throws {
        let model = TinyModel()
        let range = try LoadedRange(model.embedded(), range: 0..<model.blocks, threads: 1)
        let prompts = (0..<5).map { index in
            (0..<20 + 90 * index).map { UInt32(($0 * 7 + index) % model.vocabulary) }
        }
        func steps() throws -> [LoadedRange.Step] {
            try prompts.map { prompt in
                LoadedRange.Step(
                    input: .tokens(prompt),
                    position: 0,
                    cache: try range.makeCache(),
                    output: .logits(.every)
                )
            }
        }
        let together = range.forward(try steps(), blocks: range.range)
        for (result, step) in zip(together, try steps()) {
            #expect(try result.get() == range.forward([step], blocks: range.range)[0].get())
        }
    }

    @Test func `gives the same again after a truncation`() throws {
        let model = TinyModel()
        let range = try LoadedRange(model.embedded(), range: 0..<model.blocks, threads: 1)
        let cache = try range.makeCache()
        let prompt = Self.prompt(model)
        func run(_ tokens: Range<Int>) throws -> [UInt16] {
            let input = LoadedRange.Input.tokens(Array(prompt[tokens]))
            return try range.forward(
                input,
                blocks: range.range,
                at: tokens.lowerBound,
                cache: cache,
                output: .logits(.every)
            )
        }
        let first = try run(0..<100)
        let rest = try run(100..<155)
        cache.truncate(to: 100)
        #expect(try run(100..<155) == rest)
        cache.truncate(to: 63)
        let again = try run(63..<100)
        #expect(again == Array(first[(63 * model.vocabulary)...]))
        #expect(try run(100..<155) == rest)
        cache.truncate(to: 0)
        #expect(try run(0..<100) == first)
    }

    @Test func `has the bits that version 1 of the numerics has`() throws {
        // Where this fails, results of old and new peers differ: raise `Numerics.version`.
        var digests: [String] = []
        for model in Self.models {
            let bits = try Self.logits(model)
            digests.append(SHA256.digest(bits.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }).hex)
        }
        #expect(Numerics.version == 1)
        #expect(
            digests.map { $0.prefix(16) } == [
                "285c0fbfd2dbfb08", "1f7d80e3e30018ad", "54168b8365ebd9b9", "9e5f53707a973178",
                "5ec9b1ad709de58f", "1dbb75e0a9b42d3a", "9fd8d10ab4e5ee78", "5b209d09e964d61f",
            ]
        )
    }
}
