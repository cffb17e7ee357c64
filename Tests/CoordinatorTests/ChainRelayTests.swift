import NIOCore
import P2PWire
import ShardProtocol
import SwarmCore
import Synchronization
import Testing

@testable import Coordinator

/// What a chain makes of hops that answer late, whose peers push meanwhile.
@Suite(.timeLimit(.minutes(1))) struct ChainRelayTests {
    /// A hop that runs nothing: the test says when it answers.
    private final class ScriptedSpan: Span {
        let blocks: BlockRange
        let isExact = true
        let takesStepsAhead = true
        let name = "a peer"
        let peer: PeerID?
        /// Called with each step, and whether it goes on from here.
        let answer: @Sendable (_ isPushedOn: Bool) async -> SpanAnswer
        private let pushedTiming: StepTiming?
        private let pushedOutput: SpanOutput
        /// How often another hop was to push to it.
        let expected = Mutex(0)
        let forgotten = Mutex<[UInt32]>([])
        let brokenWays = Mutex<[@Sendable () -> Void]>([])
        /// Something for each way that is asked for.
        let (ways, asked) = AsyncStream.makeStream(of: Void.self)

        init(
            _ seed: UInt8,
            _ blocks: BlockRange,
            pushed: StepTiming? = nil,
            giving pushedOutput: SpanOutput = .logits([0]),
            _ answer: @escaping @Sendable (Bool) async -> SpanAnswer
        ) throws {
            self.peer = try Identity(seed: [UInt8](repeating: seed, count: 32)).peerID
            self.blocks = blocks
            self.pushedTiming = pushed
            self.pushedOutput = pushedOutput
            self.answer = answer
        }

        func step(_ step: SpanStep, deadline: StepDeadline?) async throws(CoordinatorError) -> SpanAnswer {
            await self.answer(!step.push.isEmpty)
        }

        var pushTarget: PushTarget? {
            self.peer.map {
                PushTarget(
                    peer: PeerInfo(id: $0, addresses: []),
                    session: SessionID(rawValue: 1),
                    blocks: self.blocks,
                    maxTokens: 64
                )
            }
        }

        func takePushes(from peer: PeerID) async -> Bool { true }

        func push(to target: PushTarget, broke: @escaping @Sendable () -> Void) async -> Bool {
            self.brokenWays.withLock { $0.append(broke) }
            self.asked.yield()
            return true
        }

        func forget(_ step: UInt32) { self.forgotten.withLock { $0.append(step) } }

        /// What is pushed is answered at once, or never.
        func expect(_ step: PushedStep, _ ended: @escaping @Sendable (PushOutcome) -> Void) {
            self.expected.withLock { $0 += 1 }
            guard let timing = self.pushedTiming else { return }
            ended(.answered(SpanAnswer(output: self.pushedOutput, timing: timing)))
        }

        func close() async {}
    }

    private static let timing = StepTiming(compute: .milliseconds(6), queue: .zero, network: .milliseconds(20))

    private static func hidden() -> SpanAnswer {
        let activations = try? Activations(tokens: 1, halves: [0x3c00])
        return SpanAnswer(output: .hidden(activations ?? .none), timing: Self.timing)
    }

    /// Runs the first token again and again until it is pushed: soon after `first` was asked for a way.
    private func run(_ chain: Chain, _ first: ScriptedSpan) async throws -> Chain.Result {
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { await chain.tend() }
            defer { group.cancelAll() }
            for await _ in first.ways { break }
            while true {
                let result = try await chain.run(SequenceState.Pass(tokens: [1], position: 0))
                if result.pushedSteps > 0 { return result }
                await Task.yield()
            }
        }
    }

    @Test func `a hop that answers after the last one is waited for, and not called off`() async throws {
        let wasCalledOff = Mutex(false)
        let first = try ScriptedSpan(1, BlockRange(0, 2)) { isPushedOn in
            guard isPushedOn else { return Self.hidden() }
            // The pass, which has all that it is for, gets its turn.
            for _ in 0..<100 where !Task.isCancelled { await Task.yield() }
            if Task.isCancelled { wasCalledOff.withLock { $0 = true } }
            return Self.hidden()
        }
        let second = try ScriptedSpan(2, BlockRange(2, 4), pushed: Self.timing) { _ in
            SpanAnswer(output: .logits([0]), timing: Self.timing)
        }
        let chain = try Chain(spans: [first, second], blockCount: 4, way: .push) { _ in
            Issue.record("somebody else is looked for")
            return []
        }
        _ = try await self.run(chain, first)
        #expect(!wasCalledOff.withLock { $0 })
    }

    @Test func `what a pushed step took is told apart by hop`() async throws {
        let first = try ScriptedSpan(1, BlockRange(0, 2)) { _ in Self.hidden() }
        let whole = StepTiming(compute: .milliseconds(4), queue: .zero, network: .milliseconds(36))
        let second = try ScriptedSpan(2, BlockRange(2, 4), pushed: whole) { _ in
            SpanAnswer(output: .logits([0]), timing: Self.timing)
        }
        let chain = try Chain(spans: [first, second], blockCount: 4, way: .push) { _ in [] }
        let result = try await self.run(chain, first)
        #expect(result.timings.map(\.timing.network) == [.milliseconds(20), .milliseconds(10)])
        #expect(result.timings.map(\.timing.compute) == [.milliseconds(6), .milliseconds(4)])
    }

    @Test func `what was pushed over a way that breaks is not waited for, and nothing of it is kept`() async throws {
        let breaks = Mutex<[@Sendable () -> Void]>([])
        let first = try ScriptedSpan(1, BlockRange(0, 2)) { isPushedOn in
            if isPushedOn { for broke in breaks.withLock({ $0 }) { broke() } }
            return Self.hidden()
        }
        let second = try ScriptedSpan(2, BlockRange(2, 4)) { _ in
            SpanAnswer(output: .logits([0]), timing: Self.timing)
        }
        let chain = try Chain(spans: [first, second], blockCount: 4, way: .push) { _ in [] }
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { await chain.tend() }
            defer { group.cancelAll() }
            for await _ in first.ways { break }
            breaks.withLock { $0 = first.brokenWays.withLock { $0 } }
            while second.forgotten.withLock({ $0.isEmpty }) {
                _ = try await chain.run(SequenceState.Pass(tokens: [1], position: 0))
                await Task.yield()
            }
        }
        #expect(second.forgotten.withLock { $0.count } == 1)
    }

    @Test func `a way that breaks between two passes is opened again`() async throws {
        let first = try ScriptedSpan(1, BlockRange(0, 2)) { _ in Self.hidden() }
        let second = try ScriptedSpan(2, BlockRange(2, 4), pushed: Self.timing) { _ in
            SpanAnswer(output: .logits([0]), timing: Self.timing)
        }
        let chain = try Chain(spans: [first, second], blockCount: 4, way: .push) { _ in [] }
        _ = try await self.run(chain, first)
        for broke in first.brokenWays.withLock({ $0 }) { broke() }
        // The next step goes over the coordinator, and tells the second hop to take pushes from nobody.
        #expect(try await chain.run(SequenceState.Pass(tokens: [1], position: 0)).pushedSteps == 0)
        _ = try await self.run(chain, first)
        #expect(first.brokenWays.withLock { $0.count } == 2)
    }

    @Test func `a hop that answers a pushed step wrongly is not blamed before it is given the step itself`()
        async throws
    {
        let first = try ScriptedSpan(1, BlockRange(0, 2)) { _ in Self.hidden() }
        let second = try ScriptedSpan(2, BlockRange(2, 4), pushed: Self.timing, giving: .nothing) { _ in
            SpanAnswer(output: .logits([0]), timing: Self.timing)
        }
        let book = PeerBook()
        let chain = try Chain(spans: [first, second], blockCount: 4, book: book, way: .push) { _ in
            Issue.record("somebody else is looked for")
            return []
        }
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { await chain.tend() }
            defer { group.cancelAll() }
            for await _ in first.ways { break }
            while second.expected.withLock({ $0 }) == 0 {
                let result = try await chain.run(SequenceState.Pass(tokens: [1], position: 0))
                #expect(result.logits == [0] && result.pushedSteps == 0 && result.recoveries.isEmpty)
                await Task.yield()
            }
        }
        #expect(book.banned.isEmpty)
    }
}
