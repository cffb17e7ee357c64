import Synchronization
import Testing

@testable import Model

/// Mixtures of experts multiplied with int8 activations, against the same quantised weights in f32, which ParityTests
/// hold against `transformers`.
///
/// Where a router hardly prefers one expert over the next, the rounding of activations decides, and the results of two
/// experts have nothing in common: there the quantised model is made to choose as the other did.
@Suite struct QuantisedExpertsTests {
    /// Experts whose every matrix is quantised, and two families with experts that all tokens take.
    static let models = [
        TinyModel(
            architecture: "MixtralForCausalLM",
            hidden: 64,
            feedForward: 96,
            blocks: 3,
            extraKeys: ["num_local_experts": "5", "num_experts_per_tok": "2", "sliding_window": "null"]
        ),
        TinyModel(
            architecture: "Qwen2MoeForCausalLM",
            hidden: 64,
            blocks: 3,
            isTied: false,
            extraKeys: [
                "num_experts": "7", "num_experts_per_tok": "3", "moe_intermediate_size": "32",
                "shared_expert_intermediate_size": "64", "norm_topk_prob": "false",
            ]
        ),
        TinyModel(
            architecture: "Qwen3MoeForCausalLM",
            hidden: 64,
            blocks: 3,
            isTied: false,
            extraKeys: [
                "num_experts": "8", "num_experts_per_tok": "2", "moe_intermediate_size": "64", "norm_topk_prob": "true",
            ]
        ),
    ]

    @Test(arguments: models.indices, Quantization.allCases)
    func `is within what int8 activations cost`(index: Int, format: Quantization) throws {
        let model = Self.models[index]
        let prompt = (0..<60).map { UInt32(Numerics.randomBits(seed: 5, position: $0) % UInt64(model.vocabulary)) }
        try Self.check(try model.embedded().quantized(to: format), prompt)
    }

    @Test(
        .enabled(if: SharedData.isPresent, "\(SharedData.absence)"),
        arguments: ["mixtral", "qwen2_moe", "qwen3_moe"],
        Quantization.allCases
    )
    func `is so with the shared models`(name: String, format: Quantization) throws {
        let model = try ParityModel(shared: name)
        try Self.check(model.directory.quantized(to: format), model.prompt + model.greedy)
    }

    private static func check(_ directory: ModelDirectory, _ tokens: [UInt32]) throws {
        let routing = GoldenRouting(chosen: try #require(directory.configuration.experts).chosen)
        let golden = try Self.logits(directory, tokens, .dequantised) { routing.record($0) }
        let computed = try Self.logits(directory, tokens, .stored) { routing.force($0) }
        expectQuantisedParity(computed, golden, vocabulary: directory.configuration.vocabularySize)
    }

    /// The logits of every token, prefilled and then one by one.
    private static func logits(
        _ directory: ModelDirectory,
        _ tokens: [UInt32],
        _ weights: LoadedRange.Weights,
        probe: @escaping LoadedRange.RouterProbe
    ) throws -> [Float] {
        let all = 0..<directory.configuration.blockCount
        let model = try LoadedRange(
            directory,
            range: all,
            threads: 1,
            weights: weights,
            rounding: .toHalf,
            kernels: .best,
            routerProbe: probe
        )
        let cache = try model.makeCache()
        let decoded = tokens.suffix(8).map { [$0] }
        return try ([Array(tokens.dropLast(8))] + decoded).flatMap { part in
            Numerics.floats(
                try model.forward(
                    .tokens(part),
                    blocks: all,
                    at: cache.length,
                    cache: cache,
                    output: .logits(.every)
                )
            )
        }
    }
}

/// Which experts one run took, token by token and block by block, for another run to take where that was close.
private final class GoldenRouting: Sendable {
    private struct State {
        var golden: [[Float]] = []
        var next = 0
    }

    /// How much likelier than the next the last expert that is taken has to be, for the choice to be the run's own.
    private static let clearGap = 0.01

    private let state = Mutex(State())
    private let chosen: Int

    init(chosen: Int) { self.chosen = chosen }

    func record(_ logits: UnsafeMutableBufferPointer<Float>) {
        self.state.withLock { $0.golden.append(Array(logits)) }
    }

    func force(_ logits: UnsafeMutableBufferPointer<Float>) {
        let golden = self.state.withLock { state in
            defer { state.next += 1 }
            return state.golden[state.next]
        }
        guard self.gap(golden) < Self.clearGap else { return }
        let (wanted, taken) = (self.taken(golden), self.taken(Array(logits)))
        for (one, other) in zip(wanted.subtracting(taken).sorted(), taken.subtracting(wanted).sorted()) {
            logits.swapAt(one, other)
        }
    }

    private func taken(_ logits: [Float]) -> Set<Int> { Set(Self.order(logits).prefix(self.chosen)) }

    private func gap(_ logits: [Float]) -> Double {
        let order = Self.order(logits)
        let powers = logits.map { Numerics.exp(Double($0 - logits[order[0]])) }
        return (powers[order[self.chosen - 1]] - powers[order[self.chosen]]) / powers.reduce(0, +)
    }

    /// The experts, those that a token prefers first.
    private static func order(_ logits: [Float]) -> [Int] {
        logits.indices.sorted { (-logits[$0], $0) < (-logits[$1], $1) }
    }
}
