import DemoModel
import Model
import ShardProtocol
import SwarmCore
import Testing

@testable import Coordinator

/// The demo model in this process, seen through spans that write down what they are asked.
@Suite(.timeLimit(.minutes(2))) struct ConversationTests {
    private let coordinator: Coordinator
    private let blocks: Coordinator.LocalBlocks
    private let options = GenerationOptions(
        sampling: SamplingOptions(temperature: 0.8, seed: 11),
        maxTokens: 8,
        ignoresEndOfSequence: true,
        prefillChunk: 4,
        speculation: .off
    )

    init() throws {
        self.coordinator = try Coordinator(model: DemoModel.directory(), tokenizer: DemoModel.tokenizer())
        self.blocks = try self.coordinator.loadBlocks(threads: 1, progress: { _ in })
    }

    private func conversation(_ log: SpanLog, isExact: Bool = true) -> Conversation {
        Conversation(self.coordinator) { maximumTokens in
            log.opened(maximumTokens)
            let chain = try self.coordinator.openChain(over: self.blocks, maximumTokens: maximumTokens)
            let spans = chain.spans.map { LoggedSpan($0, isExact: isExact, log: log) }
            return try Chain(spans: spans, blockCount: self.coordinator.model.configuration.blockCount)
        }
    }

    /// What a generation that knows of no conversation gives.
    private func fresh(_ prompt: [UInt32], _ options: GenerationOptions? = nil) async throws -> [UInt32] {
        let chain = try self.coordinator.openChain(over: self.blocks, maximumTokens: 256)
        let options = options ?? self.options
        var run = try GenerationRun(
            chain: chain,
            sequence: try self.coordinator.sequence(prompt, options),
            tokenizer: self.coordinator.tokenizer,
            options: options
        )
        return try await run.run { _ in }.tokens
    }

    @Test func `a turn runs only what is new, and gives what a fresh generation gives`() async throws {
        let log = SpanLog()
        let conversation = self.conversation(log)
        var transcript: [UInt32] = [0, 20, 30, 40, 50]
        for turn in 0..<3 {
            log.forget()
            let answer = try await conversation.answer(transcript, options: self.options)
            let expected = try await self.fresh(transcript)
            #expect(answer.tokens == expected)
            let first = try #require(log.steps.first)
            // All but the last token of the answer before was run, and that one token and what was said came on top.
            #expect(first.position == (turn == 0 ? 0 : transcript.count - 4))
            #expect(answer.statistics.cachedTokens == first.position)
            transcript += answer.tokens + [60, 70, 80]
        }
        #expect(log.openings == [2048].map { min($0, self.coordinator.model.configuration.contextLength) })
        await conversation.close()
        #expect(log.closings == 1)
    }

    @Test func `where the past is written anew the caches are cut back to there`() async throws {
        let log = SpanLog()
        let conversation = self.conversation(log)
        _ = try await conversation.answer([0, 20, 30, 40, 50, 60], options: self.options)
        log.forget()
        let rewritten: [UInt32] = [0, 20, 30, 90, 50, 60, 70]
        let answer = try await conversation.answer(rewritten, options: self.options)
        #expect(log.steps.first == SpanLog.Step(position: 3, tokens: 4))
        let expected = try await self.fresh(rewritten)
        #expect(answer.tokens == expected)
        #expect(log.openings.count == 1)
    }

    @Test func `the same prompt again runs its last token again`() async throws {
        let log = SpanLog()
        let conversation = self.conversation(log)
        let prompt: [UInt32] = [0, 20, 30]
        let first = try await conversation.answer(prompt, options: self.options)
        log.forget()
        let second = try await conversation.answer(prompt, options: self.options)
        #expect(log.steps.first == SpanLog.Step(position: 2, tokens: 1))
        #expect(first.tokens == second.tokens)
    }

    @Test func `a server that cannot cut back gets a new session where the past is written anew`() async throws {
        let log = SpanLog()
        let conversation = self.conversation(log, isExact: false)
        _ = try await conversation.answer([0, 20, 30], options: self.options)
        _ = try await conversation.answer([0, 99, 30], options: self.options)
        #expect(log.openings.count == 2)
        #expect(log.closings == 1)
    }

    @Test func `an answer that is interrupted ends as it is, and the conversation goes on`() async throws {
        let log = SpanLog()
        let conversation = self.conversation(log)
        let prompt: [UInt32] = [0, 20, 30, 40, 50]
        // Two chunks of prefill, then three tokens.
        let answer = try await conversation.answer(
            prompt,
            options: self.options,
            isInterrupted: { log.steps.count == 4 }
        )
        #expect(answer.finishReason == .interrupted)
        let whole = try await self.fresh(prompt)
        #expect(answer.tokens == Array(whole.prefix(3)))
        log.forget()
        let next = prompt + answer.tokens + [70]
        let second = try await conversation.answer(next, options: self.options)
        #expect(log.steps.first?.position == next.count - 2)
        let expected = try await self.fresh(next)
        #expect(second.tokens == expected)
    }

    @Test func `an interruption before the first token leaves what was read`() async throws {
        let log = SpanLog()
        let conversation = self.conversation(log)
        let prompt: [UInt32] = [0, 20, 30, 40, 50, 60, 70, 80, 90, 100]
        // The second chunk runs until it is asked, so that the third is not on its way by then.
        let (asked, asking) = AsyncStream.makeStream(of: Never.self)
        log.holdSecondStep { for await _ in asked {} }
        let answer = try await conversation.answer(
            prompt,
            options: self.options,
            isInterrupted: {
                guard log.steps.count == 2 else { return false }
                asking.finish()
                return true
            }
        )
        #expect(answer.tokens.isEmpty && answer.finishReason == .interrupted)
        log.forget()
        let again = try await conversation.answer(prompt, options: self.options)
        let expected = try await self.fresh(prompt)
        #expect(again.tokens == expected)
        // The second chunk was on its way when it was asked.
        #expect(log.steps.first?.position == 8)
    }

    @Test(arguments: [ReplyCode.unknownSession, .gap, .busy])
    func `a chain that has forgotten the conversation is replaced`(code: ReplyCode) async throws {
        let log = SpanLog()
        let conversation = self.conversation(log)
        let prompt: [UInt32] = [0, 20, 30]
        let first = try await conversation.answer(prompt, options: self.options)
        log.failNextStep(with: CoordinatorError(.refused(code), "forgotten"))
        let next = prompt + first.tokens + [40]
        let second = try await conversation.answer(next, options: self.options)
        let expected = try await self.fresh(next)
        #expect(second.tokens == expected)
        #expect(second.statistics.cachedTokens == 0)
        #expect(log.openings.count == 2)
        #expect(log.closings == 1)
    }

    @Test func `a turn that fails closes the sessions, and the next one opens new ones`() async throws {
        let log = SpanLog()
        let conversation = self.conversation(log)
        log.failNextStep(with: CoordinatorError(.peerLost, "gone"))
        let prompt: [UInt32] = [0, 20, 30]
        do {
            _ = try await conversation.answer(prompt, options: self.options)
            Issue.record("the turn succeeded")
        } catch let error as CoordinatorError {
            #expect(error.code == .peerLost)
        }
        #expect(log.closings == 1)
        let again = try await conversation.answer(prompt, options: self.options)
        let expected = try await self.fresh(prompt)
        #expect(again.tokens == expected)
    }

    @Test func `an error of whoever reads the answer is not taken for the chain's`() async throws {
        struct Full: Error {}
        let log = SpanLog()
        let conversation = self.conversation(log)
        _ = try await conversation.answer([0, 20], options: self.options)
        do {
            _ = try await conversation.answer([0, 20, 30], options: self.options, report: { _ in throw Full() })
            Issue.record("the turn succeeded")
        } catch is Full {}
        #expect(log.openings.count == 1)
    }

    @Test func `a turn ends at the tokens that its options name`() async throws {
        let all = try await self.fresh([0, 20, 30])
        var options = self.options
        options.ignoresEndOfSequence = false
        options.endTokens = [all[2]]
        let conversation = self.conversation(SpanLog())
        let answer = try await conversation.answer([0, 20, 30], options: options)
        #expect(answer.tokens == Array(all.prefix(through: try #require(all.firstIndex(of: all[2])))))
        #expect(answer.finishReason == .endOfSequence)
    }

    @Test func `a conversation is closed however it ends`() async throws {
        struct Enough: Error {}
        await #expect(throws: Enough.self) {
            try await self.coordinator.withLocalConversation(threads: 1) { conversation in
                _ = try await conversation.answer([0, 20], options: self.options)
                throw Enough()
            }
        }
    }
}

/// What spans were asked, and what they are to fail at.
private final class SpanLog: @unchecked Sendable {
    // Sendable: a chain asks one span at a time, and the test looks between the turns.

    struct Step: Equatable {
        var position: Int
        var tokens: Int
    }

    private(set) var steps: [Step] = []
    private(set) var openings: [Int] = []
    var closings = 0
    private var error: CoordinatorError?
    private var hold: (@Sendable () async -> Void)?

    func wait() async {
        if self.steps.count == 2 { await self.hold?() }
    }

    func opened(_ maximumTokens: Int) { self.openings.append(maximumTokens) }
    func forget() { self.steps = [] }
    func holdSecondStep(_ hold: @escaping @Sendable () async -> Void) { self.hold = hold }
    func failNextStep(with error: CoordinatorError) { self.error = error }

    func stepped(_ step: Step) throws(CoordinatorError) {
        if let error = self.error {
            self.error = nil
            throw error
        }
        self.steps.append(step)
    }
}

private struct LoggedSpan: Span {
    private let span: any Span
    let isExact: Bool
    private let log: SpanLog

    init(_ span: any Span, isExact: Bool, log: SpanLog) {
        self.span = span
        self.isExact = isExact
        self.log = log
    }

    var blocks: BlockRange { self.span.blocks }
    var name: String { self.span.name }

    func step(_ step: SpanStep, deadline: StepDeadline?) async throws(CoordinatorError) -> SpanAnswer {
        if case .tokens(let tokens) = step.input {
            try self.log.stepped(SpanLog.Step(position: step.position, tokens: tokens.count))
            await self.log.wait()
        }
        return try await self.span.step(step, deadline: deadline)
    }

    func close() async {
        self.log.closings += 1
        await self.span.close()
    }
}
