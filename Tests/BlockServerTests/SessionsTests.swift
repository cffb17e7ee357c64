import Dispatch
import Model
import P2PWire
import ShardProtocol
import Testing

@testable import BlockServer

@Suite struct SessionsTests {
    private let peer = Identity().peerID
    private let prompt: [UInt32] = [1, 5, 9, 2, 7]

    private func sessions(_ range: Range<Int> = 0..<TinyModel.blockCount, kvMemory: Int = 1 << 24) throws -> Sessions {
        Sessions(
            try TinyModel.loaded(range),
            range: try BlockRange(range.lowerBound, range.upperBound),
            kvMemory: kvMemory,
            speed: SpeedMeter(),
            compute: ComputeQueue(label: "test")
        )
    }

    /// What the whole model gives for `tokens` in one chunk: the logits of the last one.
    private func expected(_ tokens: [UInt32]) throws -> [UInt16] {
        let loaded = try TinyModel.loaded()
        return try loaded.forward(
            .tokens(tokens),
            blocks: loaded.range,
            at: 0,
            cache: loaded.makeCache(),
            output: .logits(.last)
        )
    }

    @Test func `a prefill and decode steps give what one chunk gives`() async throws {
        let sessions = try self.sessions()
        let session = try TestSession(0, 4)
        let first = await sessions.answer(self.peer, session.tokens([1, 5, 9], at: 0, step: 0, logits: .none))
        #expect(first.kind == .hiddenStates)
        #expect(first.activations.shape == [1, 0, UInt32(TinyModel.hidden)])
        #expect(first.step?.have == 3)
        let second = await sessions.answer(self.peer, session.tokens([2], at: 3, step: 1))
        #expect(second.kind == .logits)
        let third = await sessions.answer(self.peer, session.tokens([7], at: 4, step: 2))
        #expect(third.activations.halves == (try self.expected(self.prompt)))
        #expect(third.code == .ok)
        #expect(sessions.blocksPerSecond > 0)
    }

    @Test func `part of a range can be run`() async throws {
        let (front, back) = (try self.sessions(0..<3), try self.sessions(1..<4))
        let head = await front.answer(self.peer, try TestSession(0, 2).tokens(self.prompt, at: 0, step: 0))
        #expect(head.activations.shape == [1, 5, UInt32(TinyModel.hidden)])
        let tail = await back.answer(self.peer, try TestSession(2, 4).hidden(head.activations, at: 0, step: 0))
        #expect(tail.activations.halves == (try self.expected(self.prompt)))
    }

    @Test func `logits of every token can be asked for`() async throws {
        let sessions = try self.sessions()
        let request = try TestSession(0, 4).tokens(self.prompt, at: 0, step: 0, logits: .every)
        let answer = await sessions.answer(self.peer, request)
        #expect(answer.activations.shape == [1, 5, UInt32(TinyModel.vocabulary)])
        #expect(answer.activations.halves.suffix(TinyModel.vocabulary).elementsEqual(try self.expected(self.prompt)))
    }

    @Test func `logits of so many last tokens can be asked for, and of no more than there are`() async throws {
        let every = try await self.sessions()
            .answer(self.peer, try TestSession(0, 4).tokens(self.prompt, at: 0, step: 0, logits: .every))
        for count in 1...5 {
            let sessions = try self.sessions()
            let request = try TestSession(0, 4).tokens(self.prompt, at: 0, step: 0, logits: .final(UInt32(count)))
            let answer = await sessions.answer(self.peer, request)
            #expect(answer.activations.shape == [1, UInt32(count), UInt32(TinyModel.vocabulary)])
            #expect(answer.activations.halves == every.activations.halves.suffix(count * TinyModel.vocabulary))
        }
        let sessions = try self.sessions()
        let tooMany = try TestSession(0, 4).tokens(self.prompt, at: 0, step: 0, logits: .final(6))
        #expect(await sessions.answer(self.peer, tooMany).code == .badRequest)
    }

    @Test func `a retried step is answered with the same bits and counts once`() async throws {
        let sessions = try self.sessions()
        let session = try TestSession(0, 4)
        _ = await sessions.answer(self.peer, session.tokens([1, 5, 9, 2], at: 0, step: 0))
        let step = session.tokens([7], at: 4, step: 1)
        let answers = [await sessions.answer(self.peer, step), await sessions.answer(self.peer, step)]
        #expect(answers[0].activations == answers[1].activations)
        #expect(answers[1].step?.have == 5)
        #expect(answers[1].activations.halves == (try self.expected(self.prompt)))
    }

    @Test func `a rollback forgets what came after`() async throws {
        let sessions = try self.sessions()
        let session = try TestSession(0, 4)
        _ = await sessions.answer(self.peer, session.tokens([1, 5, 9, 30, 31, 32], at: 0, step: 0))
        let refused = await sessions.answer(self.peer, session.tokens([2, 7], at: 3, step: 1))
        #expect(refused.code == .gap)
        #expect(refused.step?.have == 6)
        let answer = await sessions.answer(self.peer, session.tokens([2, 7], at: 3, step: 2, rollback: true))
        #expect(answer.activations.halves == (try self.expected(self.prompt)))
    }

    @Test func `retries, gaps and other peers' sessions are told apart for plain callers too`() async throws {
        let sessions = try self.sessions()
        func plain(_ ids: [UInt32], at position: UInt32) -> InferenceRequest {
            InferenceRequest(
                sessionID: SessionID(rawValue: 1),
                position: SequencePosition(rawValue: position),
                payload: .tokenIDs(ids)
            )
        }
        _ = await sessions.answer(self.peer, plain([1, 5, 9, 2], at: 0))
        for _ in 0..<2 {
            let answer = await sessions.answer(self.peer, plain([7], at: 4))
            #expect(answer.activations.halves == (try self.expected(self.prompt)))
            #expect(answer.step == nil)
        }
        let gap = await sessions.answer(self.peer, plain([7], at: 9))
        #expect(gap.error?.contains("holds 5 tokens") == true)
        let foreign = await sessions.answer(Identity().peerID, plain([7], at: 5))
        #expect(foreign.error?.contains("no such session") == true)
        #expect(foreign.sessionID == SessionID(rawValue: 0))
    }

    @Test func `tokens for a later range get the answer that Rust nodes give`() async throws {
        let sessions = try self.sessions(2..<4)
        let request = InferenceRequest(sessionID: SessionID(rawValue: 1), position: .start, payload: .tokenIDs([1]))
        let answer = await sessions.answer(self.peer, request)
        #expect(answer == .failure("Received TokenIds payload but this shard starts at block 2 (not 0)"))
    }

    @Test func `what does not fit the blocks is refused and costs nothing`() async throws {
        let sessions = try self.sessions(2..<4)
        let good = [UInt16](repeating: 0x3c00, count: TinyModel.hidden)
        let bad: [(InferenceRequest, ReplyCode)] = [
            (try TestSession(0, 4).tokens([1], at: 0, step: 0), .wrongRange),
            (try TestSession(2, 4).hidden(try Activations(tokens: 1, halves: [1, 2]), at: 0, step: 0), .badTensor),
            (try TestSession(2, 4).hidden(.none, at: 0, step: 0), .badTensor),
            (
                try TestSession(2, 4)
                    .hidden(try Activations(tokens: 1, halves: [0x7e00] + good.dropFirst()), at: 0, step: 0), .badTensor
            ),
        ]
        for (request, code) in bad {
            #expect(await sessions.answer(self.peer, request).code == code)
        }
        #expect(sessions.count == 0)
        let first = try self.sessions(0..<2)
        let states = try TestSession(0, 2).hidden(try Activations(tokens: 1, halves: good), at: 0, step: 0)
        #expect(await first.answer(self.peer, states).code == .wrongRange)
        let beyond = try TestSession(0, 2).tokens([UInt32(TinyModel.vocabulary)], at: 0, step: 0)
        #expect(await first.answer(self.peer, beyond).code == .badTensor)
        let long = try TestSession(0, 2).tokens([UInt32](repeating: 1, count: TinyModel.context + 1), at: 0, step: 0)
        #expect(await first.answer(self.peer, long).code == .tooLarge)
        #expect(first.count == 0)
    }

    @Test func `a failed step leaves its session as it was`() async throws {
        let sessions = try self.sessions()
        let session = try TestSession(0, 4)
        _ = await sessions.answer(self.peer, session.tokens([1, 5, 9, 2], at: 0, step: 0))
        let bad = await sessions.answer(self.peer, session.tokens([9999], at: 4, step: 1))
        #expect(bad.code == .badTensor)
        let good = await sessions.answer(self.peer, session.tokens([7], at: 4, step: 2))
        #expect(good.activations.halves == (try self.expected(self.prompt)))
    }

    @Test func `memory for caches is bounded, and closing gives it back`() async throws {
        let page = try TinyModel.loaded().kvBytesPerToken * KVCache.pageTokens
        let sessions = try self.sessions(kvMemory: page)
        let (first, second) = (try TestSession(id: 1, 0, 4), try TestSession(id: 2, 0, 4))
        #expect(await sessions.answer(self.peer, first.tokens([1], at: 0, step: 0)).code == .ok)
        #expect(sessions.freeKVBytes == 0)
        let busy = await sessions.answer(self.peer, second.tokens([1], at: 0, step: 0))
        #expect(busy.code == .busy)
        #expect(busy.step?.retryAfterMilliseconds != nil)
        #expect(await sessions.answer(self.peer, first.close()).code == .ok)
        #expect(sessions.freeKVBytes == page)
        #expect(await sessions.answer(self.peer, second.tokens([1], at: 0, step: 0)).code == .ok)
        let large = await sessions.answer(self.peer, first.tokens([1], at: 0, step: 0, maxTokens: 600))
        #expect(large.code == .tooLarge)
    }

    @Test func `an answer larger than a message is refused before it is computed`() async throws {
        let sessions = try self.sessions()
        let tokens = Limits.answerBytes / 2 / TinyModel.vocabulary + 1
        let request = try TestSession(0, 4)
            .tokens([UInt32](repeating: 1, count: tokens), at: 0, step: 0, logits: .every)
        #expect(await sessions.answer(self.peer, request).code == .tooLarge)
    }

    @Test func `many sessions at once give what each gives alone`() async throws {
        let sessions = try self.sessions()
        let expected = try self.expected(self.prompt)
        await withTaskGroup(of: Bool.self) { group in
            for number in 0..<16 {
                group.addTask {
                    guard let session = try? TestSession(id: UInt64(number), 0, 4) else { return false }
                    for (index, token) in self.prompt.enumerated() {
                        let request = session.tokens([token], at: UInt32(index), step: UInt32(index))
                        let answer = await sessions.answer(self.peer, request)
                        if index == self.prompt.count - 1 { return answer.activations.halves == expected }
                    }
                    return false
                }
            }
            for await isSame in group { #expect(isSame) }
        }
    }

    @Test func `the same step sent many times at once counts once`() async throws {
        let sessions = try self.sessions()
        let session = try TestSession(0, 4)
        _ = await sessions.answer(self.peer, session.tokens([1, 5, 9, 2], at: 0, step: 0))
        let step = session.tokens([7], at: 4, step: 1)
        let expected = try self.expected(self.prompt)
        await withTaskGroup(of: InferenceResponse.self) { group in
            for _ in 0..<8 { group.addTask { await sessions.answer(self.peer, step) } }
            for await answer in group {
                #expect(answer.activations.halves == expected)
                #expect(answer.step?.have == 5)
            }
        }
    }

    @Test func `steps that were sent ahead run in their order`() async throws {
        let sessions = try self.sessions()
        let session = try TestSession(0, 4)
        // Whichever comes first, one whose predecessor is missing hears of the gap and is sent again.
        let last = await withTaskGroup(of: (Int, [UInt16]).self) { group in
            for (index, token) in self.prompt.enumerated() {
                group.addTask {
                    let request = session.tokens([token], at: UInt32(index), step: 0)
                    while true {
                        let answer = await sessions.answer(self.peer, request)
                        if answer.code == .ok { return (index, answer.activations.halves) }
                        await Task.yield()
                    }
                }
            }
            var last: [UInt16] = []
            for await (index, halves) in group where index == self.prompt.count - 1 { last = halves }
            return last
        }
        #expect(last == (try self.expected(self.prompt)))
    }

    @Test func `a cancelled caller leaves the session usable`() async throws {
        let sessions = try self.sessions()
        let session = try TestSession(0, 4)
        for round in 0..<20 {
            let request = session.tokens(self.prompt, at: 0, step: UInt32(round))
            await withTaskGroup(of: Void.self) { group in
                group.addTask { _ = await sessions.answer(self.peer, request) }
                group.cancelAll()
            }
        }
        let answer = await sessions.answer(self.peer, session.tokens(self.prompt, at: 0, step: 100))
        #expect(answer.activations.halves == (try self.expected(self.prompt)))
    }

    @Test func `a restart that is given up before it begins leaves the session what it had`() async throws {
        let compute = ComputeQueue(label: "test")
        let sessions = Sessions(
            try TinyModel.loaded(),
            range: try BlockRange(0, 4),
            kvMemory: 1 << 24,
            speed: SpeedMeter(),
            compute: compute
        )
        let session = try TestSession(0, 4)
        _ = await sessions.answer(self.peer, session.tokens([1, 5, 9, 2], at: 0, step: 0))
        let gate = DispatchSemaphore(value: 0)
        let (blocked, block) = AsyncStream.makeStream(of: Never.self, bufferingPolicy: .bufferingNewest(1))
        async let busy: Void = compute.run {
            block.finish()
            gate.wait()
        }
        for await _ in blocked {}
        await withTaskGroup { group in
            group.addTask {
                _ = await sessions.answer(self.peer, session.tokens([3], at: 0, step: 1))
            }
            while sessions.isQuiet(since: .now) { await Task.yield() }
            group.cancelAll()
            gate.signal()
        }
        await busy
        let answer = await sessions.answer(self.peer, session.tokens([7], at: 4, step: 2))
        #expect(answer.activations.halves == (try self.expected(self.prompt)))
    }

    @Test func `a step that waits is taken back, and the session goes on without it`() async throws {
        let compute = ComputeQueue(label: "test")
        let sessions = Sessions(
            try TinyModel.loaded(),
            range: try BlockRange(0, 4),
            kvMemory: 1 << 24,
            speed: SpeedMeter(),
            compute: compute
        )
        let session = try TestSession(0, 4)
        var order = session.tokens([], at: 0, step: 1)
        order.step?.operation = .cancel
        // Nothing is taken from a session that does not exist.
        #expect(await sessions.answer(self.peer, order).code == .ok)
        let gate = DispatchSemaphore(value: 0)
        let (blocked, block) = AsyncStream.makeStream(of: Never.self, bufferingPolicy: .bufferingNewest(1))
        async let busy: Void = compute.run {
            block.finish()
            gate.wait()
        }
        for await _ in blocked {}
        let codes = await withTaskGroup(of: (step: Int, code: ReplyCode).self) { group in
            for (step, tokens) in [[UInt32(1), 5, 9, 2], [3], [7]].enumerated() {
                // The second is the one that is taken back, so the third takes its place.
                let position = UInt32(step == 0 ? 0 : 4)
                let request = session.tokens(tokens, at: position, step: UInt32(step))
                group.addImmediateTask { (step, await sessions.answer(self.peer, request).code) }
                if step == 1 { group.addImmediateTask { [order] in (3, await sessions.answer(self.peer, order).code) } }
            }
            // What waits for the compute thread has not begun; what it is given next has.
            gate.signal()
            return await group.reduce(into: [:]) { $0[$1.step] = $1.code }
        }
        await busy
        #expect(codes == [0: .ok, 1: .cancelled, 2: .ok, 3: .ok])
        let again = await sessions.answer(self.peer, session.tokens([7], at: 4, step: 2))
        #expect(again.activations.halves == (try self.expected(self.prompt)))
    }

    @Test func `a flood of sessions finds its bound, and the memory is whole once they are closed`() async throws {
        let page = try TinyModel.loaded().kvBytesPerToken * KVCache.pageTokens
        let sessions = try self.sessions(kvMemory: 8 * page)
        var refused = 0
        for number in 0..<64 {
            let answer = await sessions.answer(
                self.peer,
                try TestSession(id: UInt64(number), 0, 4).tokens([1], at: 0, step: 0)
            )
            if answer.code == .busy { refused += 1 }
        }
        #expect(refused == 56)
        #expect(sessions.freeKVBytes == 0)
        for number in 0..<64 { _ = await sessions.answer(self.peer, try TestSession(id: UInt64(number), 0, 4).close()) }
        #expect(sessions.freeKVBytes == 8 * page)
        #expect(sessions.count == 0)
    }

    @Test func `a draining server goes on with its sessions only`() async throws {
        let sessions = try self.sessions()
        let (old, new) = (try TestSession(id: 1, 0, 4), try TestSession(id: 2, 0, 4))
        _ = await sessions.answer(self.peer, old.tokens([1], at: 0, step: 0))
        sessions.drain()
        #expect(await sessions.answer(self.peer, old.tokens([2], at: 1, step: 1)).code == .ok)
        #expect(await sessions.answer(self.peer, new.tokens([1], at: 0, step: 0)).code == .draining)
        #expect(sessions.isQuiet(since: .now))
    }
}
