import Dispatch
import Model
import P2PWire
import ShardProtocol
import SwarmCore
import Synchronization
import Testing

@testable import BlockServer

/// Peers that use sessions as they should not; another peer, and its generation, notices nothing of them.
@Suite struct HostileSessionsTests {
    private let victim = Identity().peerID
    private let hostile = Identity().peerID
    private let prompt: [UInt32] = [1, 5, 9, 2, 7]
    private static let kvMemory = 1 << 28

    private func sessions() throws -> Sessions {
        Sessions(
            try TinyModel.loaded(),
            range: try BlockRange(0, TinyModel.blockCount),
            kvMemory: Self.kvMemory,
            speed: SpeedMeter(),
            compute: ComputeQueue(label: "test")
        )
    }

    private func expected(_ tokens: [UInt32]) throws -> [UInt16] {
        let loaded = try TinyModel.loaded()
        let cache = try loaded.makeCache()
        return try loaded.forward(.tokens(tokens), blocks: loaded.range, at: 0, cache: cache, output: .logits(.last))
    }

    @Test func `another peer's session can be neither continued, cut back nor closed`() async throws {
        let sessions = try self.sessions()
        let session = try TestSession(0, 4)
        _ = await sessions.answer(self.victim, session.tokens([1, 5, 9, 2], at: 0, step: 0))
        for request in [
            session.tokens([7], at: 4, step: 1), session.tokens([7], at: 2, step: 2, rollback: true),
            session.tokens([7], at: 5, step: 3),
        ] {
            #expect(await sessions.answer(self.hostile, request).code == .unknownSession)
        }
        // Closing what one does not have is no error, and does nothing.
        #expect(await sessions.answer(self.hostile, session.close()).code == .ok)
        let answer = await sessions.answer(self.victim, session.tokens([7], at: 4, step: 1))
        #expect(answer.activations.halves == (try self.expected(self.prompt)))
    }

    @Test func `gaps and rollbacks out of bounds are refused, and say what is there`() async throws {
        let sessions = try self.sessions()
        let session = try TestSession(0, 4)
        _ = await sessions.answer(self.victim, session.tokens([1, 5, 9, 2], at: 0, step: 0))
        for (position, rollback) in [(5, false), (5, true), (UInt32.max, true), (UInt32.max, false), (3, false)] {
            let request = session.tokens([8], at: position, step: 1, rollback: rollback)
            let answer = await sessions.answer(self.victim, request)
            #expect(answer.code == .gap, "position \(position), rollback \(rollback)")
            #expect(answer.step?.have == 4)
        }
        let answer = await sessions.answer(self.victim, session.tokens([7], at: 4, step: 1))
        #expect(answer.activations.halves == (try self.expected(self.prompt)))
    }

    @Test func `a thousand sessions of one peer end at its bound, and others get in`() async throws {
        let sessions = try self.sessions()
        var codes: [ReplyCode: Int] = [:]
        for id in 0..<1000 {
            let request = try TestSession(id: UInt64(id), 0, 4).tokens([1], at: 0, step: 0)
            let answer = await sessions.answer(self.hostile, request)
            codes[answer.code, default: 0] += 1
            if answer.code == .busy { #expect(answer.step?.retryAfterMilliseconds ?? 0 > 0) }
        }
        let bound = SwarmCore.Limits.sessionsPerPeer
        #expect(codes == [.ok: bound, .busy: 1000 - bound])
        let answer = await sessions.answer(self.victim, try TestSession(0, 4).tokens(self.prompt, at: 0, step: 0))
        #expect(answer.activations.halves == (try self.expected(self.prompt)))
        #expect(sessions.count == bound + 1)
    }

    @Test func `a coordinator that vanishes in the middle leaves nothing behind`() async throws {
        let sessions = try self.sessions()
        let session = try TestSession(0, 4)
        _ = await sessions.answer(self.victim, session.tokens([1, 5, 9, 2], at: 0, step: 0))
        let long = [UInt32](repeating: 3, count: 600)
        try await withThrowingTaskGroup { group in
            for id in 0..<20 {
                let request = try TestSession(id: UInt64(id), 0, 4).tokens(long, at: 0, step: 0, maxTokens: 600)
                group.addTask { _ = await sessions.answer(self.hostile, request) }
            }
            // Some have begun, most wait.
            while sessions.count < 10 { await Task.yield() }
            group.cancelAll()
            sessions.disconnected(self.hostile)
        }
        let answer = await sessions.answer(self.victim, session.tokens([7], at: 4, step: 1))
        #expect(answer.activations.halves == (try self.expected(self.prompt)))
        // What had begun goes on to its end.
        while sessions.state.withLock({ $0.isComputing }) { await Task.yield() }
        #expect(sessions.state.withLock { $0.work.isEmpty && $0.waiters.isEmpty && $0.scheduler.waitingCount == 0 })
        sessions.expire(now: .now + SwarmCore.Limits.sessionAfterConnectionLoss)
        #expect(sessions.count == 1)
        _ = await sessions.answer(self.victim, session.close())
        #expect(sessions.freeKVBytes == Self.kvMemory)
        #expect(sessions.state.withLock { $0.caches.isEmpty })
    }

    @Test func `a peer that fills its part of the queue hears busy, and another is served`() async throws {
        let sessions = try self.sessions()
        let gate = sessions.compute
        try await whileBusy(gate) {
            await withTaskGroup(of: ReplyCode.self) { group in
                for id in 0..<SwarmCore.Limits.queuedStepsOfPeer + 5 {
                    group.addTask {
                        guard let session = try? TestSession(id: UInt64(id), 0, 4) else { return .failed }
                        return await sessions.answer(self.hostile, session.tokens([1], at: 0, step: 0)).code
                    }
                }
                for _ in 0..<5 { #expect(await group.next() == .busy) }
                group.addTask {
                    guard let session = try? TestSession(0, 4) else { return .failed }
                    return await sessions.answer(self.victim, session.tokens([1], at: 0, step: 0)).code
                }
                while sessions.state.withLock({ $0.scheduler.waitingCount }) <= SwarmCore.Limits.queuedStepsOfPeer {
                    await Task.yield()
                }
                group.cancelAll()
            }
        }
        #expect(sessions.count == 0)
    }
}

/// Keeps a compute thread busy while `body` runs.
func whileBusy(_ compute: ComputeQueue, _ body: () async throws -> Void) async throws {
    let gate = DispatchSemaphore(value: 0)
    let (blocked, block) = AsyncStream.makeStream(of: Never.self, bufferingPolicy: .bufferingNewest(1))
    async let busy: Void = compute.run {
        block.finish()
        gate.wait()
    }
    for await _ in blocked {}
    do {
        try await body()
        gate.signal()
    } catch {
        gate.signal()
        throw error
    }
    await busy
}
