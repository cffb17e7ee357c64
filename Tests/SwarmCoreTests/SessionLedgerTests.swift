import P2PWire
import ShardProtocol
import Testing

@testable import SwarmCore

@Suite struct SessionLedgerTests {
    private static let pageTokens = 256
    private static let pageBytes = 4 * 10 * pageTokens
    private let start = ContinuousClock.now

    /// A ledger with room for `pages` pages of a session over four blocks.
    private func ledger(pages: Int = 8, context: Int = 2048) -> SessionLedger {
        SessionLedger(
            configuration: SessionLedger.Configuration(
                kvBytes: pages * Self.pageBytes,
                contextLength: context,
                bytesOfSession: Self.bytes
            )
        )
    }

    /// Whole pages of 10 bytes for each token and block.
    private static func bytes(blocks: BlockRange, tokens: Int) -> Int {
        (tokens + self.pageTokens - 1) / self.pageTokens * self.pageTokens * 10 * blocks.count
    }

    private func run(_ step: StepRequest, _ key: SessionKey) -> SessionLedger.Action {
        let order = SessionLedger.RunOrder(position: step.position, tokenCount: step.tokenCount, blocks: step.blocks)
        return .run(step.id, key, order)
    }

    /// A ledger with one session of `length` tokens.
    private func ledger(length: Int, key: SessionKey, number: UInt32? = nil) throws -> SessionLedger {
        var ledger = self.ledger()
        _ = ledger.received(try Samples.step(0, at: 0, tokens: length, number: number), of: key, now: self.start)
        _ = ledger.finished(key, .committed, now: self.start)
        return ledger
    }

    private func refusal(_ actions: [SessionLedger.Action]) -> Refusal? {
        if case .refuse(_, let refusal) = actions.first, actions.count == 1 { refusal } else { nil }
    }

    // MARK: Steps

    @Test func `runs a prefill and then the step that follows it`() throws {
        let key = try Samples.key(1)
        var ledger = self.ledger()
        let prefill = try Samples.step(1, at: 0, tokens: 5)
        #expect(ledger.received(prefill, of: key, now: self.start) == [self.run(prefill, key)])
        #expect(ledger.finished(key, .committed, now: self.start) == [])
        #expect(ledger.length(of: key) == 5)
        let next = try Samples.step(2, at: 5)
        #expect(ledger.received(next, of: key, now: self.start) == [self.run(next, key)])
    }

    @Test func `a retry of the running step joins it`() throws {
        let key = try Samples.key(1)
        var ledger = self.ledger()
        _ = ledger.received(try Samples.step(1, at: 0, payload: 7), of: key, now: self.start)
        let retry = try Samples.step(2, at: 0, payload: 7)
        #expect(
            ledger.received(retry, of: key, now: self.start)
                == [.join(StepID(rawValue: 2), running: StepID(rawValue: 1))]
        )
    }

    @Test func `a retry of the committed step runs again from its position`() throws {
        let key = try Samples.key(1)
        var ledger = try self.ledger(length: 5, key: key)
        let step = try Samples.step(1, at: 5, payload: 7)
        _ = ledger.received(step, of: key, now: self.start)
        _ = ledger.finished(key, .committed, now: self.start)
        let retry = try Samples.step(2, at: 5, payload: 7)
        #expect(ledger.received(retry, of: key, now: self.start) == [self.run(retry, key)])
        _ = ledger.finished(key, .committed, now: self.start)
        #expect(ledger.length(of: key) == 6)
    }

    @Test func `another payload at the committed position is a gap`() throws {
        let key = try Samples.key(1)
        var ledger = try self.ledger(length: 5, key: key)
        _ = ledger.received(try Samples.step(1, at: 5, payload: 7), of: key, now: self.start)
        _ = ledger.finished(key, .committed, now: self.start)
        let other = ledger.received(try Samples.step(2, at: 5, payload: 8), of: key, now: self.start)
        #expect(self.refusal(other) == Refusal(code: .gap, have: 6))
    }

    @Test func `a lower position needs an explicit rollback`() throws {
        let key = try Samples.key(1)
        var ledger = try self.ledger(length: 9, key: key)
        let refused = ledger.received(try Samples.step(1, at: 3), of: key, now: self.start)
        #expect(self.refusal(refused) == Refusal(code: .gap, have: 9))
        let rollback = try Samples.step(2, at: 3, rollback: true)
        #expect(ledger.received(rollback, of: key, now: self.start) == [self.run(rollback, key)])
        _ = ledger.finished(key, .committed, now: self.start)
        #expect(ledger.length(of: key) == 4)
    }

    @Test func `a higher position is a gap that says what is there`() throws {
        let key = try Samples.key(1)
        var ledger = try self.ledger(length: 9, key: key)
        let refused = ledger.received(try Samples.step(1, at: 10), of: key, now: self.start)
        #expect(self.refusal(refused) == Refusal(code: .gap, have: 9))
    }

    @Test func `position 0 starts afresh, on other blocks too`() throws {
        let key = try Samples.key(1)
        var ledger = try self.ledger(length: 9, key: key)
        let fresh = try Samples.step(1, at: 0, tokens: 2, blocks: (1, 3))
        #expect(ledger.received(fresh, of: key, now: self.start) == [self.run(fresh, key)])
        _ = ledger.finished(key, .committed, now: self.start)
        #expect(ledger.length(of: key) == 2)
        let old = ledger.received(try Samples.step(2, at: 2, blocks: (0, 4)), of: key, now: self.start)
        #expect(self.refusal(old) == Refusal(code: .wrongRange, have: 2))
    }

    @Test func `an unknown session can only start at 0`() throws {
        var ledger = self.ledger()
        let refused = ledger.received(try Samples.step(1, at: 3), of: try Samples.key(1), now: self.start)
        #expect(self.refusal(refused) == Refusal(code: .unknownSession))
    }

    @Test func `another peer's session does not exist for you`() throws {
        var ledger = try self.ledger(length: 9, key: try Samples.key(1))
        let refused = ledger.received(try Samples.step(1, at: 9), of: try Samples.key(2), now: self.start)
        #expect(self.refusal(refused) == Refusal(code: .unknownSession))
    }

    @Test func `an older step number is refused, a retry's is not`() throws {
        let key = try Samples.key(1)
        var ledger = try self.ledger(length: 5, key: key, number: 8)
        let older = ledger.received(try Samples.step(1, at: 0, number: 7), of: key, now: self.start)
        #expect(self.refusal(older) == Refusal(code: .staleStep, have: 5))
        let same = try Samples.step(2, at: 5, number: 8)
        #expect(ledger.received(same, of: key, now: self.start) == [self.run(same, key)])
    }

    @Test func `steps of a session run one at a time, in order of arrival`() throws {
        let key = try Samples.key(1)
        var ledger = self.ledger()
        _ = ledger.received(try Samples.step(1, at: 0, tokens: 4), of: key, now: self.start)
        let second = try Samples.step(2, at: 4)
        let third = try Samples.step(3, at: 5)
        #expect(ledger.received(second, of: key, now: self.start) == [])
        #expect(ledger.received(third, of: key, now: self.start) == [])
        #expect(ledger.finished(key, .committed, now: self.start) == [self.run(second, key)])
        #expect(ledger.finished(key, .committed, now: self.start) == [self.run(third, key)])
    }

    @Test func `a waiting step that no longer fits is refused when its turn comes`() throws {
        let key = try Samples.key(1)
        var ledger = self.ledger()
        _ = ledger.received(try Samples.step(1, at: 0, tokens: 4), of: key, now: self.start)
        _ = ledger.received(try Samples.step(2, at: 7), of: key, now: self.start)
        let third = try Samples.step(3, at: 4)
        _ = ledger.received(third, of: key, now: self.start)
        #expect(
            ledger.finished(key, .committed, now: self.start)
                == [.refuse(StepID(rawValue: 2), Refusal(code: .gap, have: 4)), self.run(third, key)]
        )
    }

    @Test func `as many steps wait as the bound allows, one more is busy`() throws {
        let key = try Samples.key(1)
        var ledger = self.ledger()
        _ = ledger.received(try Samples.step(0, at: 0), of: key, now: self.start)
        for number in 1...Limits.waitingSteps {
            #expect(ledger.received(try Samples.step(UInt64(number), at: number), of: key, now: self.start) == [])
        }
        let refused = ledger.received(try Samples.step(99, at: 99), of: key, now: self.start)
        #expect(self.refusal(refused)?.code == .busy)
    }

    @Test func `a step whose stream ended before it began is dropped`() throws {
        let key = try Samples.key(1)
        var ledger = self.ledger()
        _ = ledger.received(try Samples.step(1, at: 0, tokens: 4), of: key, now: self.start)
        _ = ledger.received(try Samples.step(2, at: 4), of: key, now: self.start)
        ledger.abandoned(StepID(rawValue: 2), of: key)
        #expect(ledger.finished(key, .committed, now: self.start) == [])
        #expect(ledger.length(of: key) == 4)
        _ = ledger.received(try Samples.step(3, at: 4), of: key, now: self.start)
        #expect(ledger.finished(key, .dropped, now: self.start) == [])
        #expect(ledger.length(of: key) == 4)
    }

    @Test func `a step that failed leaves what stood before it`() throws {
        let key = try Samples.key(1)
        var ledger = try self.ledger(length: 5, key: key)
        _ = ledger.received(try Samples.step(1, at: 5), of: key, now: self.start)
        #expect(ledger.finished(key, .failed, now: self.start) == [])
        #expect(ledger.length(of: key) == 5)
    }

    @Test func `a session of which nothing ever came is forgotten`() throws {
        let key = try Samples.key(1)
        var ledger = self.ledger()
        _ = ledger.received(try Samples.step(1, at: 0), of: key, now: self.start)
        #expect(ledger.finished(key, .failed, now: self.start) == [.discard(key)])
        #expect(ledger.sessionCount == 0)
        #expect(ledger.freeKVBytes == 8 * Self.pageBytes)
    }

    // MARK: Room

    @Test func `pages are reserved as they are needed, or up to max tokens at once`() throws {
        var ledger = self.ledger()
        let (first, second) = (try Samples.key(1), try Samples.key(1, session: 2))
        _ = ledger.received(try Samples.step(1, at: 0, tokens: Self.pageTokens), of: first, now: self.start)
        #expect(ledger.freeKVBytes == 7 * Self.pageBytes)
        _ = ledger.finished(first, .committed, now: self.start)
        _ = ledger.received(try Samples.step(2, at: Self.pageTokens), of: first, now: self.start)
        #expect(ledger.freeKVBytes == 6 * Self.pageBytes)
        _ = ledger.received(try Samples.step(3, at: 0, maxTokens: 600), of: second, now: self.start)
        #expect(ledger.freeKVBytes == 3 * Self.pageBytes)
    }

    @Test func `a step that can never fit is too large, not busy`() throws {
        var ledger = self.ledger(pages: 2, context: 2048)
        let beyondBudget = ledger.received(
            try Samples.step(1, at: 0, tokens: 513),
            of: try Samples.key(1),
            now: self.start
        )
        #expect(self.refusal(beyondBudget)?.code == .tooLarge)
        ledger = self.ledger(pages: 8, context: 100)
        let beyondContext = ledger.received(
            try Samples.step(1, at: 0, tokens: 101),
            of: try Samples.key(1),
            now: self.start
        )
        #expect(self.refusal(beyondContext)?.code == .tooLarge)
        let overflow = ledger.received(
            try Samples.step(1, at: 0, tokens: .max),
            of: try Samples.key(1),
            now: self.start
        )
        #expect(self.refusal(overflow)?.code == .tooLarge)
    }

    @Test func `a full server is busy and says when to ask again`() throws {
        var ledger = self.ledger(pages: 1)
        _ = ledger.received(try Samples.step(1, at: 0), of: try Samples.key(1), now: self.start)
        let refused = ledger.received(try Samples.step(2, at: 0), of: try Samples.key(1, session: 2), now: self.start)
        let refusal = try #require(self.refusal(refused))
        #expect(refusal.code == .busy)
        #expect(Limits.retryAfter.contains(try #require(refusal.retryAfter)))
    }

    @Test func `a peer below its share takes room from one above it that has paused`() throws {
        var ledger = self.ledger(pages: 2)
        let (first, second) = (try Samples.key(1), try Samples.key(1, session: 2))
        for key in [first, second] {
            _ = ledger.received(try Samples.step(1, at: 0), of: key, now: self.start)
            _ = ledger.finished(key, .committed, now: self.start)
        }
        let newcomer = try Samples.key(2)
        let step = try Samples.step(3, at: 0)
        let soon = self.start + .seconds(1)
        #expect(self.refusal(ledger.received(step, of: newcomer, now: soon))?.code == .busy)
        let later = self.start + Limits.reclaimableAfter
        let discarded = min(first, second)
        #expect(ledger.received(step, of: newcomer, now: later) == [.discard(discarded), self.run(step, newcomer)])
        let more = try Samples.step(4, at: 0)
        #expect(self.refusal(ledger.received(more, of: try Samples.key(2, session: 2), now: later))?.code == .busy)
    }

    @Test func `room held for a peer that is gone is taken at once`() throws {
        var ledger = self.ledger(pages: 1)
        let gone = try Samples.key(1)
        _ = ledger.received(try Samples.step(1, at: 0), of: gone, now: self.start)
        _ = ledger.finished(gone, .committed, now: self.start)
        ledger.disconnected(gone.peer, now: self.start)
        let step = try Samples.step(2, at: 0)
        let key = try Samples.key(2)
        #expect(ledger.received(step, of: key, now: self.start) == [.discard(gone), self.run(step, key)])
    }

    @Test func `a peer has as many sessions as the bound allows and no more`() throws {
        var ledger = SessionLedger(
            configuration: SessionLedger.Configuration(kvBytes: 1 << 40, contextLength: 10, bytesOfSession: Self.bytes)
        )
        for number in 0..<Limits.sessionsPerPeer {
            let key = try Samples.key(1, session: UInt64(number))
            let actions = ledger.received(try Samples.step(1, at: 0), of: key, now: self.start)
            #expect(self.refusal(actions) == nil)
        }
        let refused = ledger.received(
            try Samples.step(1, at: 0),
            of: try Samples.key(1, session: 9999),
            now: self.start
        )
        #expect(self.refusal(refused)?.code == .busy)
        let other = ledger.received(try Samples.step(1, at: 0), of: try Samples.key(2), now: self.start)
        #expect(self.refusal(other) == nil)
    }

    @Test func `all peers together have as many sessions as the bound allows`() throws {
        var ledger = SessionLedger(
            configuration: SessionLedger.Configuration(kvBytes: 1 << 40, contextLength: 10, bytesOfSession: Self.bytes)
        )
        let peers = Limits.sessions / Limits.sessionsPerPeer
        for number in 0..<Limits.sessions {
            let key = try Samples.key(UInt8(number % peers), session: UInt64(number))
            _ = ledger.received(try Samples.step(1, at: 0), of: key, now: self.start)
        }
        #expect(ledger.sessionCount == Limits.sessions)
        let refused = ledger.received(try Samples.step(1, at: 0), of: try Samples.key(99), now: self.start)
        #expect(self.refusal(refused)?.code == .busy)
    }

    // MARK: Endings

    @Test func `closing frees the session at once when nothing runs`() throws {
        let key = try Samples.key(1)
        var ledger = try self.ledger(length: 5, key: key)
        let id = StepID(rawValue: 9)
        #expect(ledger.closed(id, of: key) == [.acknowledge(id), .discard(key)])
        #expect(ledger.freeKVBytes == 8 * Self.pageBytes)
        #expect(ledger.closed(id, of: key) == [.acknowledge(id)])
    }

    @Test func `closing lets the running step end and refuses those that wait`() throws {
        let key = try Samples.key(1)
        var ledger = self.ledger()
        _ = ledger.received(try Samples.step(1, at: 0), of: key, now: self.start)
        _ = ledger.received(try Samples.step(2, at: 1), of: key, now: self.start)
        let id = StepID(rawValue: 9)
        #expect(
            ledger.closed(id, of: key)
                == [.acknowledge(id), .refuse(StepID(rawValue: 2), Refusal(code: .unknownSession))]
        )
        let late = ledger.received(try Samples.step(3, at: 0), of: key, now: self.start)
        #expect(self.refusal(late) == Refusal(code: .unknownSession))
        #expect(ledger.finished(key, .committed, now: self.start) == [.discard(key)])
    }

    @Test func `a session ends after its idle time`() throws {
        let key = try Samples.key(1)
        var ledger = try self.ledger(length: 5, key: key)
        let end = self.start + Limits.sessionIdle
        #expect(ledger.nextDeadline == end)
        #expect(ledger.expired(now: end - .nanoseconds(1)) == [])
        #expect(ledger.expired(now: end) == [.discard(key)])
        #expect(ledger.nextDeadline == nil)
    }

    @Test func `a running step keeps its session`() throws {
        let key = try Samples.key(1)
        var ledger = try self.ledger(length: 5, key: key)
        _ = ledger.received(try Samples.step(1, at: 5), of: key, now: self.start)
        #expect(ledger.expired(now: self.start + .seconds(100_000)) == [])
    }

    @Test func `a session ends soon after its peer is gone, unless it comes back`() throws {
        let key = try Samples.key(1)
        var ledger = try self.ledger(length: 5, key: key)
        ledger.disconnected(key.peer, now: self.start)
        let end = self.start + Limits.sessionAfterConnectionLoss
        #expect(ledger.nextDeadline == end)
        ledger.connected(key.peer)
        #expect(ledger.expired(now: end) == [])
        ledger.disconnected(key.peer, now: self.start)
        #expect(ledger.expired(now: end) == [.discard(key)])
    }

    @Test func `a draining server refuses new sessions and goes on with old ones`() throws {
        let key = try Samples.key(1)
        var ledger = try self.ledger(length: 5, key: key)
        ledger.drain()
        let step = try Samples.step(1, at: 5)
        #expect(ledger.received(step, of: key, now: self.start) == [self.run(step, key)])
        #expect(!ledger.isQuiet(since: self.start))
        let refused = ledger.received(try Samples.step(2, at: 0), of: try Samples.key(2), now: self.start)
        #expect(self.refusal(refused) == Refusal(code: .draining))
        _ = ledger.finished(key, .committed, now: self.start)
        #expect(ledger.isQuiet(since: self.start))
        #expect(!ledger.isQuiet(since: self.start - .seconds(1)))
    }
}
