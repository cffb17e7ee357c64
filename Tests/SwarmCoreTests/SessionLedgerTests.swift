import P2PWire
import ShardProtocol
import Testing

@testable import SwarmCore

@Suite struct SessionLedgerTests {
    private static let pageTokens = 256
    static let pageBytes = 4 * 10 * pageTokens
    let start = ContinuousClock.now

    /// A ledger with room for `pages` pages of a session over four blocks.
    func ledger(pages: Int = 8, context: Int = 2048) -> SessionLedger {
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

    func run(_ step: StepRequest, _ key: SessionKey) -> SessionLedger.Action {
        let order = SessionLedger.RunOrder(position: step.position, tokenCount: step.tokenCount, blocks: step.blocks)
        return .run(step.id, key, order)
    }

    /// A ledger with one session of `length` tokens.
    func ledger(length: Int, key: SessionKey, number: UInt32? = nil) throws -> SessionLedger {
        var ledger = self.ledger()
        _ = ledger.received(try Samples.step(0, at: 0, tokens: length, number: number), of: key, now: self.start)
        _ = ledger.finished(key, .committed, now: self.start)
        return ledger
    }

    func refusal(_ actions: [SessionLedger.Action]) -> Refusal? {
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
            // Going on takes no other place.
            _ = ledger.finished(key, .committed, now: self.start)
            _ = ledger.received(try Samples.step(1, at: 1), of: key, now: self.start)
            _ = ledger.finished(key, .committed, now: self.start)
        }
        let (step, more) = (try Samples.step(1, at: 0), try Samples.key(1, session: 9999))
        #expect(self.refusal(ledger.received(step, of: more, now: self.start))?.code == .busy)
        #expect(self.refusal(ledger.received(step, of: try Samples.key(2), now: self.start)) == nil)
        // Whoever gives a place back has it again.
        _ = ledger.closed(StepID(rawValue: 2), of: try Samples.key(1, session: 0))
        #expect(self.refusal(ledger.received(step, of: more, now: self.start)) == nil)
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

    @Test func `a session ends after its idle time`() throws {
        let key = try Samples.key(1)
        var ledger = try self.ledger(length: 5, key: key)
        let end = self.start + Limits.sessionIdle
        #expect(ledger.nextDeadline == end)
        #expect(ledger.expired(now: end - .nanoseconds(1)) == [])
        #expect(ledger.expired(now: end) == [.discard(key)])
        #expect(ledger.nextDeadline == nil)
    }

    // MARK: Places

    /// A ledger all of whose places are taken by sessions without a step under way: so many of each peer, by its number. The
    /// first paused first.
    private func ledger(places: KeyValuePairs<UInt8, Int>, pages: Int = 1 << 20) throws -> SessionLedger {
        var ledger = self.ledger(pages: pages, context: 1 << 20)
        var pause = Duration.zero
        for (peer, count) in places {
            let peer = try Samples.peer(peer)
            for number in 0..<count {
                let key = SessionKey(peer: peer, session: SessionID(rawValue: UInt64(number)))
                _ = ledger.received(try Samples.step(1, at: 0), of: key, now: self.start)
                _ = ledger.finished(key, .committed, now: self.start + pause)
                pause += .microseconds(1)
            }
        }
        #expect(ledger.sessionCount == Limits.sessions)
        return ledger
    }

    /// Opens sessions of a peer until it is refused.
    ///
    /// - Returns: what was discarded for them, in order.
    private func open(
        _ peer: UInt8,
        _ ledger: inout SessionLedger,
        at now: ContinuousClock.Instant
    ) throws -> [SessionKey] {
        var discarded: [SessionKey] = []
        for number in 1000..<1000 + UInt64(Limits.sessions) {
            let key = try Samples.key(peer, session: number)
            let actions = ledger.received(try Samples.step(number, at: 0), of: key, now: now)
            if let refusal = self.refusal(actions) {
                #expect(refusal.code == .busy)
                return discarded
            }
            discarded += actions.compactMap { if case .discard(let key) = $0 { key } else { nil } }
        }
        return discarded
    }

    @Test func `peers that hold all places make room for another, up to its fair share`() throws {
        var ledger = try self.ledger(places: [1: 256, 2: 256, 3: 256, 4: 256])
        let later = self.start + .seconds(60)
        // The first has just gone on, so the second has paused the longest.
        let busy = try Samples.key(1, session: 0)
        _ = ledger.received(try Samples.step(1, at: 1), of: busy, now: later)
        _ = ledger.finished(busy, .committed, now: later)
        let step = try Samples.step(1, at: 0)
        let newcomer = try Samples.key(5)
        let discarded = try Samples.key(1, session: 1)
        #expect(ledger.received(step, of: newcomer, now: later) == [.discard(discarded), self.run(step, newcomer)])
        // A fifth of them is 204, and one it has.
        #expect(try self.open(5, &ledger, at: later).count == 203)
        #expect(ledger.sessionCount == Limits.sessions)
        #expect(ledger.reservedKVBytes == Limits.sessions * Self.pageBytes)
        #expect(ledger.length(of: busy) == 2)
        #expect(ledger.length(of: discarded) == 0)
    }

    @Test func `no place is taken within the pause, nor while a step is under way`() throws {
        var ledger = try self.ledger(places: [1: 256, 2: 256, 3: 256, 4: 256])
        #expect(try self.open(5, &ledger, at: self.start + Limits.reclaimableAfter - .nanoseconds(1)) == [])
        let later = self.start + .seconds(60)
        for peer in UInt8(1)...4 {
            for number in 0..<UInt64(256) {
                _ = ledger.received(try Samples.step(1, at: 1), of: try Samples.key(peer, session: number), now: later)
            }
        }
        #expect(try self.open(5, &ledger, at: later + .seconds(60)) == [])
        #expect(ledger.sessionCount == Limits.sessions)
    }

    @Test func `nobody within a fair share loses a place`() throws {
        // A sixth of all is 170; those who have fewer have paused the longest.
        var ledger = try self.ledger(places: [1: 100, 2: 156, 3: 256, 4: 256, 5: 256])
        let discarded = try self.open(6, &ledger, at: self.start + .seconds(60))
        #expect(discarded.count == 170)
        let robbed = try [UInt8(3), 4, 5].map { try Samples.peer($0) }
        #expect(discarded.allSatisfy { robbed.contains($0.peer) })
        // Nor does a peer that has its share get more.
        #expect(try self.open(3, &ledger, at: self.start + .seconds(60)) == [])
    }

    @Test func `a newcomer without room for its memory costs nobody a session`() throws {
        var ledger = try self.ledger(places: [1: 256, 2: 256, 3: 256, 4: 256], pages: Limits.sessions)
        let later = self.start + .seconds(60)
        let greedy = try Samples.step(1, at: 0, maxTokens: 300 * Self.pageTokens)
        let actions = ledger.received(greedy, of: try Samples.key(5), now: later)
        #expect(self.refusal(actions)?.code == .busy)
        #expect(ledger.sessionCount == Limits.sessions)
        #expect(ledger.freeKVBytes == 0)
    }
}
