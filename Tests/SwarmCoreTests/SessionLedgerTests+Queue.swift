import ShardProtocol
import Testing

@testable import SwarmCore

/// Steps of one session that wait for each other, and what becomes of those that end otherwise.
extension SessionLedgerTests {
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
}
