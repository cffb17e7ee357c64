import ShardProtocol
import Testing

@testable import SwarmCore

/// How sessions end: closed, left alone, or with their peer.
extension SessionLedgerTests {
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
