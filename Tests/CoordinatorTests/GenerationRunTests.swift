import DemoModel
import Model
import ShardProtocol
import SwarmCore
import Synchronization
import Testing

@testable import Coordinator

/// What a generation tells, and when.
@Suite(.timeLimit(.minutes(2))) struct GenerationRunTests {
    private let coordinator: Coordinator
    private let blocks: Coordinator.LocalBlocks
    private let prompt: [UInt32] = [0, 20, 30, 40, 50]

    init() throws {
        self.coordinator = try Coordinator(model: DemoModel.directory(), tokenizer: DemoModel.tokenizer())
        self.blocks = try self.coordinator.loadBlocks(threads: 1, progress: { _ in })
    }

    private func generate(
        tokens: Int,
        over chain: Chain? = nil,
        report: (GenerationEvent) async throws -> Void
    ) async throws -> Generation {
        let options = GenerationOptions(
            sampling: .greedy,
            maxTokens: tokens,
            ignoresEndOfSequence: true,
            speculation: .off
        )
        var run = try GenerationRun(
            chain: chain ?? self.coordinator.openChain(over: self.blocks, maximumTokens: 256),
            sequence: try self.coordinator.sequence(self.prompt, options),
            tokenizer: self.coordinator.tokenizer,
            options: options
        )
        return try await run.run(report: report)
    }

    @Test func `everything is reported by the time it returns, however slow the reader is`() async throws {
        var text = ""
        let generation = try await self.generate(tokens: 20) { event in
            for _ in 0..<20 { await Task.yield() }
            if case .text(let piece) = event { text += piece }
        }
        #expect(text == generation.text && generation.tokens.count == 20)
    }

    /// Sooner or later, the last text waits for its reader meanwhile.
    @Test(arguments: [0, 10, 100, 1000, 3000, 10_000, 30_000])
    func `a generation that is cancelled while its reader is busy passes for no whole one`(turns: Int) async throws {
        let (reading, reads) = AsyncStream.makeStream(of: Void.self)
        let text = Mutex("")
        let generation = Task {
            try await self.generate(tokens: 2) { event in
                guard case .text(let piece) = event else { return }
                text.withLock { $0 += piece }
                reads.yield()
                // Until the task is cancelled.
                for await _ in AsyncStream<Never>.makeStream().stream {}
            }
        }
        for await _ in reading { break }
        for _ in 0..<turns { await Task.yield() }
        generation.cancel()
        if let whole = try? await generation.value { #expect(text.withLock { $0 } == whole.text) }
    }

    /// All blocks in this process, until a step is asked for that it does not run.
    private final class FailingSpan: Span {
        let blocks: BlockRange
        let isExact = true
        let name = "a peer"
        private let span: LocalSpan
        private let failsAt: UInt32

        init(_ coordinator: Coordinator, _ local: Coordinator.LocalBlocks, at step: UInt32) throws {
            self.blocks = try BlockRange(0, coordinator.model.configuration.blockCount)
            self.span = try LocalSpan(
                model: local.loaded,
                blocks: self.blocks,
                maximumTokens: 256,
                queue: local.queue
            )
            self.failsAt = step
        }

        func step(_ step: SpanStep, deadline: StepDeadline?) async throws(CoordinatorError) -> SpanAnswer {
            if step.number == self.failsAt { throw CoordinatorError(.peerLost, "gone") }
            return try await self.span.step(step, deadline: nil)
        }

        func close() async {}
    }

    @Test func `what was drawn before a pass that fails is reported, however slow the reader is`() async throws {
        let whole = try await self.generate(tokens: 3) { _ in }
        let span = try FailingSpan(self.coordinator, self.blocks, at: 3)
        let chain = try Chain(spans: [span], blockCount: span.blocks.count)
        var text = ""
        await #expect(throws: CoordinatorError.self) {
            _ = try await self.generate(tokens: 8, over: chain) { event in
                for _ in 0..<100 { await Task.yield() }
                if case .text(let piece) = event { text += piece }
            }
        }
        #expect(!text.isEmpty && text == whole.text)
    }

    @Test func `what a report throws ends the generation`() async throws {
        struct Full: Error {}
        await #expect(throws: Full.self) {
            _ = try await self.generate(tokens: 20) { event in
                if case .text = event { throw Full() }
            }
        }
    }
}
