import ShardProtocol
import SwarmCore
import Synchronization
import Testing

@testable import Coordinator

/// What becomes of the sessions on all hops when a sequence is over.
@Suite(.timeLimit(.minutes(1))) struct ChainClosingTests {
    private final class CountedSpan: Span {
        let blocks: BlockRange
        let isExact = true
        let name = "a peer"
        private let fails: Bool
        /// How often it was closed.
        let closings = Mutex(0)

        init(_ blocks: BlockRange, fails: Bool = false) {
            self.blocks = blocks
            self.fails = fails
        }

        func step(_ step: SpanStep, deadline: StepDeadline?) async throws(CoordinatorError) -> SpanAnswer {
            guard !self.fails else { throw CoordinatorError(.peerLost, "it is gone") }
            let timing = StepTiming(compute: .zero, queue: .zero, network: .zero)
            return SpanAnswer(output: .logits([0]), timing: timing)
        }

        func close() async {
            if !Task.isCancelled { self.closings.withLock { $0 += 1 } }
        }
    }

    @Test func `who was left is told that the sequence is over, as well as who ran it`() async throws {
        let lost = CountedSpan(try BlockRange(0, 4), fails: true)
        let other = CountedSpan(try BlockRange(0, 4))
        let chain = try Chain(spans: [lost], blockCount: 4) { _ in [other] }
        _ = try await chain.run(SequenceState.Pass(tokens: [1], position: 0))
        await chain.close()
        #expect([lost, other].map { $0.closings.withLock(\.self) } == [1, 1])
    }
}
