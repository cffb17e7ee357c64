import Testing

@testable import Model

/// DESIGN.md §6 with quantised weights: the same bits however a sequence is computed, and close to the same weights in
/// floats.
@Suite struct QuantisedDeterminismTests {
    private static let model = TinyModel(
        hidden: 64,
        feedForward: 160,
        blocks: 4,
        heads: 4,
        keyValueHeads: 2,
        type: .bf16
    )
    private static let prompt = (0..<75).map { UInt32(Numerics.randomBits(seed: 5, position: $0) % 61) }

    /// The logits of every token, the prompt cut into chunks and the blocks at `cuts`.
    private static func logits(
        _ quantization: Quantization,
        _ model: TinyModel = Self.model,
        chunk: Int = 75,
        cuts: [Int] = [],
        threads: Int = 1,
        kernels: Kernels = .best,
        weights: LoadedRange.Weights = .stored
    ) throws -> [UInt16] {
        let directory = try model.embedded().quantized(to: quantization)
        let bounds = [0] + cuts + [model.blocks]
        let hops = try zip(bounds, bounds.dropFirst()).map { first, end in
            let range = try LoadedRange(
                directory,
                range: first..<end,
                threads: threads,
                weights: weights,
                rounding: .toHalf,
                kernels: kernels
            )
            return (range, try range.makeCache())
        }
        var logits: [UInt16] = []
        for position in stride(from: 0, to: Self.prompt.count, by: chunk) {
            let tokens = Self.prompt[position..<min(position + chunk, Self.prompt.count)]
            var stream: [UInt16] = []
            for (range, cache) in hops {
                stream = try range.forward(
                    range.range.lowerBound == 0 ? .tokens(Array(tokens)) : .hidden(stream),
                    blocks: range.range,
                    at: position,
                    cache: cache,
                    output: range.range.upperBound == model.blocks ? .logits(.every) : .hidden
                )
            }
            logits += stream
        }
        return logits
    }

    @Test(arguments: Quantization.allCases) func `does not depend on cuts and chunks`(format: Quantization) throws {
        let whole = try Self.logits(format)
        #expect(whole.count == 75 * Self.model.vocabulary)
        #expect(try Self.logits(format, cuts: [1, 3]) == whole)
        for chunk in [1, 7, 64] { #expect(try Self.logits(format, chunk: chunk) == whole, "chunks of \(chunk)") }
    }

    @Test(arguments: Quantization.allCases) func `does not depend on the instruction set`(format: Quantization) throws {
        let reference = try Self.logits(format, kernels: Kernels.all[0])
        for kernels in Kernels.all.dropFirst() {
            #expect(try Self.logits(format, kernels: kernels) == reference, "\(kernels.name)")
        }
    }

    @Test func `does not depend on the number of threads`() throws {
        // Large enough that a pass is worth waking other threads for.
        let model = TinyModel(hidden: 256, feedForward: 512, blocks: 3, heads: 8, keyValueHeads: 4, headDimension: 32)
        let alone = try Self.logits(.q8_0, model)
        for threads in 2...3 { #expect(try Self.logits(.q8_0, model, threads: threads) == alone) }
    }

    @Test(arguments: Quantization.allCases) func `does not depend on the sequences that share a pass`(
        format: Quantization
    ) throws {
        let range = try LoadedRange(Self.model.embedded(), range: 0..<4, threads: 1, quantize: format)
        func steps() throws -> [LoadedRange.Step] {
            try [9, 1, 30, 1].map { count in
                let input = LoadedRange.Input.tokens(Array(Self.prompt.suffix(count)))
                return LoadedRange.Step(
                    input: input,
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

    @Test(arguments: Quantization.allCases) func `differs from the same weights in f32 by the rounding of activations`(
        format: Quantization
    ) throws {
        let quantised = Numerics.floats(try Self.logits(format))
        let floats = Numerics.floats(try Self.logits(format, weights: .dequantised))
        let difference = Difference(quantised, from: floats)
        #expect(difference.rootMeanSquare < 0.04)
        #expect(difference.rootMeanSquare > 0)
    }

    @Test func `a broken weight fails the step and names the block`() throws {
        var model = Self.model
        model.infiniteTensor = "model.layers.2.mlp.up_proj.weight"
        model.type = .f32
        let range = try LoadedRange(model.embedded(), range: 0..<4, threads: 1, quantize: .q4_0)
        let error = modelError {
            _ = try range.forward(
                .tokens([1, 2]),
                blocks: 0..<4,
                at: 0,
                cache: try range.makeCache(),
                output: .hidden
            )
        }
        #expect(error?.code == .nonFiniteOutput)
        #expect(error?.block == 2)
    }

    @Test func `has the bits that this version of the numerics has`() throws {
        // Where this fails, results of old and new peers differ: raise `Numerics.version`.
        let digests = try Quantization.allCases.map { format in
            SHA256.digest(try Self.logits(format).flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }).hex.prefix(16)
        }
        #expect(digests == ["a4141514818179bd", "36ff40096be6bcf3"])
    }
}
