import Testing

@testable import Coordinator

@Suite struct SequenceStateTests {
    private func sequence(
        prompt: [UInt32] = [1, 2, 3, 4, 5],
        cached: Int = 0,
        context: Int = 32,
        options: GenerationOptions
    ) throws(CoordinatorError) -> SequenceState {
        try SequenceState(
            prompt: prompt,
            cached: cached,
            vocabularySize: 10,
            contextLength: context,
            endTokens: [9],
            options: options
        )
    }

    @Test(arguments: [(0, 0), (3, 3), (4, 4), (5, 4), (99, 4), (-1, 0)])
    func `what the chain has run is not run again, but for the last token`(cached: Int, start: Int) throws {
        var sequence = try self.sequence(cached: cached, options: GenerationOptions())
        #expect(sequence.nextPass() == .init(tokens: Array([1, 2, 3, 4, 5][start...]), position: start))
    }

    @Test func `ends at a token that only the options name`() throws {
        var sequence = try self.sequence(options: GenerationOptions(endTokens: [7]))
        _ = sequence.nextPass()
        sequence.drew(7)
        #expect(sequence.finishReason == .endOfSequence)
    }

    @Test func `an interruption ends it as it is`() throws {
        var sequence = try self.sequence(options: GenerationOptions())
        _ = sequence.nextPass()
        sequence.drew(6)
        sequence.interrupt()
        #expect(sequence.nextPass() == nil)
        #expect(sequence.generated == [6])
        #expect(sequence.finishReason == .interrupted)
    }

    @Test func `decodes one token after the other until the limit`() throws {
        var sequence = try self.sequence(options: GenerationOptions(maxTokens: 2))
        _ = sequence.nextPass()
        #expect(sequence.nextPosition == 5)
        sequence.drew(6)
        #expect(sequence.nextPass() == .init(tokens: [6], position: 5))
        sequence.drew(7)
        #expect(sequence.nextPass() == nil)
        #expect(sequence.generated == [6, 7])
        #expect(sequence.finishReason == .length)
    }

    @Test func `ends at an end-of-sequence token, which is the last of the tokens`() throws {
        var sequence = try self.sequence(options: GenerationOptions())
        _ = sequence.nextPass()
        sequence.drew(9)
        #expect(sequence.nextPass() == nil)
        #expect(sequence.generated == [9])
        #expect(sequence.finishReason == .endOfSequence)
    }

    @Test func `goes on past an end-of-sequence token when told to`() throws {
        var sequence = try self.sequence(options: GenerationOptions(ignoresEndOfSequence: true))
        _ = sequence.nextPass()
        sequence.drew(9)
        #expect(sequence.nextPass()?.tokens == [9])
    }

    @Test func `stops where the context ends`() throws {
        var sequence = try self.sequence(context: 6, options: GenerationOptions(maxTokens: 100))
        #expect(sequence.maximumLength == 6)
        _ = sequence.nextPass()
        sequence.drew(6)
        #expect(sequence.nextPass() == nil)
        #expect(sequence.finishReason == .length)
    }

    @Test func `a prompt that fills the context is refused with the numbers`() {
        let error = #expect(throws: CoordinatorError.self) {
            try self.sequence(context: 5, options: GenerationOptions())
        }
        #expect(error?.code == .promptTooLong)
        #expect(error?.message.contains("5 tokens") == true)
    }

    @Test func `a prompt with a token beyond the vocabulary is refused`() {
        let error = #expect(throws: CoordinatorError.self) {
            try self.sequence(prompt: [10], options: GenerationOptions())
        }
        #expect(error?.code == .badPrompt)
    }

    @Test(arguments: [
        GenerationOptions(maxTokens: 0), GenerationOptions(prefillChunk: 0), GenerationOptions(prefillChunk: 4096),
    ])
    func `an option outside its range is refused`(options: GenerationOptions) {
        let error = #expect(throws: CoordinatorError.self) { try self.sequence(options: options) }
        #expect(error?.code == .invalidOption)
    }
}
