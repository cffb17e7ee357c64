import DemoModel
import Model
import ShardProtocol
import SwarmCore
import Testing

@testable import Coordinator

/// The demo model in this process, with and without guesses.
@Suite(.timeLimit(.minutes(2))) struct SpeculationTests {
    private let coordinator: Coordinator
    private let blocks: Coordinator.LocalBlocks

    init() throws {
        self.coordinator = try Coordinator(model: DemoModel.directory(), tokenizer: DemoModel.tokenizer())
        self.blocks = try self.coordinator.loadBlocks(threads: 1, progress: { _ in })
    }

    /// A text that repeats itself, so that there is something to guess.
    private static let prompt = "Lily had a red ball. Lily had a red ball. Lily had a red"

    private func generation(
        _ speculation: Speculation,
        temperature: Float = 0,
        maxTokens: Int = 60,
        stopStrings: [String] = [],
        cuts: [Int] = []
    ) async throws -> Generation {
        let options = GenerationOptions(
            sampling: SamplingOptions(temperature: Double(temperature), seed: 11),
            maxTokens: maxTokens,
            stopStrings: stopStrings,
            ignoresEndOfSequence: true,
            speculation: speculation,
            keepsLogits: true
        )
        let sequence = try self.coordinator.sequence(try self.coordinator.tokens(of: Self.prompt), options)
        let count = self.coordinator.model.configuration.blockCount
        let bounds = [0] + cuts + [count]
        let spans = try zip(bounds, bounds.dropFirst()).map { lower, upper in
            try LocalSpan(
                model: self.blocks.loaded,
                blocks: try BlockRange(lower, upper),
                maximumTokens: sequence.maximumLength,
                queue: self.blocks.queue
            )
        }
        var run = try GenerationRun(
            chain: try Chain(spans: spans, blockCount: count),
            sequence: sequence,
            tokenizer: self.coordinator.tokenizer,
            options: options
        )
        return try await run.run { _ in }
    }

    @Test(arguments: [Float(0), 0.9], [1, 3, 8])
    func `guesses change no token, no logit and no text`(temperature: Float, count: Int) async throws {
        let plain = try await self.generation(.off, temperature: temperature)
        let guessed = try await self.generation(.tokens(count), temperature: temperature)
        #expect(guessed.tokens == plain.tokens)
        #expect(guessed.text == plain.text)
        #expect(guessed.logits == plain.logits)
        #expect(guessed.finishReason == plain.finishReason)
        #expect(guessed.statistics.generatedTokens == plain.statistics.generatedTokens)
        #expect(plain.statistics.guessedTokens == 0)
        // A right guess is a token without a pass of its own.
        #expect(plain.statistics.passes.count == plain.tokens.count - 1)
        #expect(guessed.statistics.passes.count == guessed.tokens.count - 1 - guessed.statistics.rightGuesses)
        #expect(guessed.statistics.guessedTokens > 0)
    }

    @Test func `right guesses save passes, over a chain of several spans too`() async throws {
        let plain = try await self.generation(.off, cuts: [2, 3])
        let guessed = try await self.generation(.tokens(4), cuts: [2, 3])
        #expect(guessed.tokens == plain.tokens)
        #expect(guessed.statistics.rightGuesses > 0)
        let steps = guessed.statistics.hops.map(\.steps)
        #expect(steps == plain.statistics.hops.map { $0.steps - guessed.statistics.rightGuesses })
    }

    @Test func `a sequence ends with guesses where it ends without`() async throws {
        for maxTokens in 8...20 {
            let plain = try await self.generation(.off, maxTokens: maxTokens)
            let guessed = try await self.generation(.tokens(8), maxTokens: maxTokens)
            #expect(guessed.tokens == plain.tokens)
        }
        let word = try #require(try await self.generation(.off).text.split(separator: " ").dropFirst(4).first)
        let plain = try await self.generation(.off, stopStrings: [String(word)])
        let guessed = try await self.generation(.tokens(8), stopStrings: [String(word)])
        #expect(plain.finishReason == .stopString)
        #expect(guessed.finishReason == .stopString)
        #expect(guessed.text == plain.text)
        #expect(guessed.tokens == plain.tokens)
    }
}
