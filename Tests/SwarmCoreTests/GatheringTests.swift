import P2PWire
import ShardProtocol
import Testing

@testable import SwarmCore

@Suite struct GatheringTests {
    private let start = ContinuousClock.now
    private let blocks: BlockRange

    init() throws { self.blocks = try BlockRange(0, 8) }

    private func key(_ session: UInt64) throws -> SessionKey {
        SessionKey(peer: try Samples.peer(1), session: SessionID(rawValue: session))
    }

    private func at(_ milliseconds: Int) -> ContinuousClock.Instant { self.start + .milliseconds(milliseconds) }

    /// One that knows two sessions: both are away for 30 ms at a time, and a pass of one row reads for 8 ms. The first was
    /// answered last 100 ms from the start, the second at `other`. Others have the processors for half of the time.
    private func gathering(
        other: Int = 100,
        took duration: Duration = .milliseconds(9),
        contention: Double = 2
    ) throws -> Gathering {
        var gathering = Gathering()
        gathering.passed(rows: 1, blocks: 8, took: duration, processing: duration / contention)
        for (session, end) in [(1, 100), (2, other)] {
            let key = try self.key(UInt64(session))
            gathering.arrived(key, in: self.blocks, tokens: 1, now: self.at(end - 50))
            gathering.answered(key, now: self.at(end - 40))
            gathering.arrived(key, in: self.blocks, tokens: 1, now: self.at(end - 10))
            gathering.answered(key, now: self.at(end))
        }
        return gathering
    }

    @Test func `a pass waits for whoever is about to come`() throws {
        var gathering = try self.gathering(other: 110)
        gathering.arrived(try self.key(1), in: self.blocks, tokens: 1, now: self.at(130))
        #expect(gathering.pause(rows: 1, in: self.blocks, now: self.at(130)) == self.at(140))
        gathering.arrived(try self.key(2), in: self.blocks, tokens: 1, now: self.at(138))
        #expect(gathering.pause(rows: 2, in: self.blocks, now: self.at(138)) == nil)
    }

    @Test func `a pass waits for nobody who is too far away`() throws {
        var gathering = try self.gathering(other: 125)
        gathering.arrived(try self.key(1), in: self.blocks, tokens: 1, now: self.at(130))
        // 25 ms against 6 passes of 8 ms, less an eighth of them for the second row: 48 − 25 > 25 + 6 does not hold.
        #expect(gathering.pause(rows: 1, in: self.blocks, now: self.at(130)) == nil)
        #expect(gathering.pause(rows: 1, in: self.blocks, now: self.at(136)) == self.at(155))
    }

    @Test func `where nobody else wants the processors, a pass waits only as long as it gains by it itself`() throws {
        var gathering = try self.gathering(other: 110, contention: 1.04)
        gathering.arrived(try self.key(1), in: self.blocks, tokens: 1, now: self.at(130))
        // δ against one pass of 8 ms and a row of 1 ms: 8 − δ > δ + 1 holds from 3.5 ms on.
        #expect(gathering.pause(rows: 1, in: self.blocks, now: self.at(136)) == nil)
        #expect(gathering.pause(rows: 1, in: self.blocks, now: self.at(137)) == self.at(140))
    }

    @Test func `the more others want the processors, the longer a pass waits`() throws {
        var gathering = try self.gathering(other: 110, contention: 1.1)
        gathering.arrived(try self.key(1), in: self.blocks, tokens: 1, now: self.at(130))
        // A pass saved counts twice: 16 − δ > δ + 2 holds from 7 ms on.
        #expect(gathering.pause(rows: 1, in: self.blocks, now: self.at(132)) == nil)
        #expect(gathering.pause(rows: 1, in: self.blocks, now: self.at(134)) == self.at(140))
    }

    @Test func `the more are ready, the shorter is the wait that pays`() throws {
        var gathering = try self.gathering(other: 110)
        #expect(gathering.pause(rows: 7, in: self.blocks, now: self.at(135)) == nil)
        #expect(gathering.pause(rows: 2, in: self.blocks, now: self.at(135)) == self.at(140))
    }

    @Test func `whoever is late by more than a pass is not waited for any more`() throws {
        var gathering = try self.gathering()
        gathering.arrived(try self.key(1), in: self.blocks, tokens: 1, now: self.at(130))
        #expect(gathering.pause(rows: 1, in: self.blocks, now: self.at(137)) == self.at(138))
        #expect(gathering.pause(rows: 1, in: self.blocks, now: self.at(139)) == nil)
    }

    @Test func `no pass waits for longer than a stall, however many are about to come`() throws {
        var gathering = try self.gathering(took: .milliseconds(90))
        for session in 3..<60 {
            // Each of another peer, since a peer is not waited for again whose sessions do not come.
            let key = SessionKey(peer: try Samples.peer(UInt8(session)), session: SessionID(rawValue: 1))
            gathering.arrived(key, in: self.blocks, tokens: 1, now: self.at(0))
            gathering.answered(key, now: self.at(1))
            gathering.arrived(key, in: self.blocks, tokens: 1, now: self.at(1 + 5 * session))
            gathering.answered(key, now: self.at(90 + 4 * session))
        }
        let begin = self.at(130)
        var now = begin
        while let moment = gathering.pause(rows: 1, in: self.blocks, now: now) {
            now = max(moment, now + .milliseconds(1))
        }
        #expect(now > begin + .milliseconds(40))
        #expect(now <= begin + Limits.longestStall)
        gathering.began(now: now)
        #expect(gathering.pause(rows: 1, in: self.blocks, now: now) != nil)
    }

    @Test func `who has left, reads a prompt, is elsewhere or was away for long is not waited for`() throws {
        let second = try self.key(2)
        let changes: [(inout Gathering) throws -> Void] = [
            { $0.left(for: second) },
            {
                $0.arrived(second, in: self.blocks, tokens: 64, now: self.at(111))
                $0.answered(second, now: self.at(112))
            },
            {
                $0.arrived(second, in: try BlockRange(2, 8), tokens: 1, now: self.at(111))
                $0.answered(second, now: self.at(112))
            },
            {
                $0.arrived(second, in: self.blocks, tokens: 1, now: self.at(9000))
                $0.answered(second, now: self.at(9001))
            },
        ]
        for change in changes {
            var gathering = try self.gathering(other: 110)
            try change(&gathering)
            gathering.left(for: try self.key(1))
            #expect(gathering.pause(rows: 1, in: self.blocks, now: self.at(132)) == nil)
            #expect(gathering.pause(rows: 1, in: self.blocks, now: self.at(9020)) == nil)
            #expect(gathering.pause(rows: 1, in: self.blocks, now: self.at(10_800)) == nil)
        }
    }

    @Test func `passes that are over before a timer would be do not wait`() throws {
        var gathering = try self.gathering()
        for _ in 0..<200 {
            gathering.passed(rows: 1, blocks: 8, took: .microseconds(200), processing: .microseconds(100))
        }
        #expect(gathering.pause(rows: 1, in: self.blocks, now: self.at(130)) == nil)
    }

    /// How many passes wait of a session that is always ready, for another peer's that comes so long after it is expected.
    private func waits(for peer: UInt8, late: Duration, passes: Int = 200) throws -> (count: Int, last: Int?) {
        var gathering = Gathering()
        gathering.passed(rows: 1, blocks: 8, took: .milliseconds(9), processing: .microseconds(4500))
        let key = SessionKey(peer: try Samples.peer(peer), session: SessionID(rawValue: 9))
        var now = self.start
        var absence = Duration.milliseconds(30)
        gathering.arrived(key, in: self.blocks, tokens: 1, now: now)
        var (count, last) = (0, Int?.none)
        for pass in 0..<passes {
            gathering.answered(key, now: now)
            let back = now + absence + late
            now += absence - .milliseconds(5)
            let begin = now
            while let moment = gathering.pause(rows: 1, in: self.blocks, now: now) {
                now = moment
                if now >= back { break }
            }
            if now > begin { (count, last) = (count + 1, pass) }
            if now < back { gathering.began(now: now) }
            gathering.arrived(key, in: self.blocks, tokens: 1, now: back)
            gathering.began(now: back)
            // As it is learnt: the last five decide.
            absence = pass == 0 ? absence + late : absence + late * 0.2
            now = back + .milliseconds(9)
        }
        return (count, last)
    }

    @Test func `whoever comes too late is waited for ever more seldom, whoever comes in time always`()
        throws
    {
        #expect(try self.waits(for: 2, late: .zero).count > 190)
        let late = try self.waits(for: 2, late: .milliseconds(12))
        #expect(late.count >= 3 && late.count < 10, "\(late)")
        // It is given another chance.
        #expect(try #require(late.last) > 50, "\(late)")
    }

    @Test func `whoever is not due yet when a pass begins without it is believed as before`() throws {
        var gathering = try self.gathering(other: 110)
        gathering.arrived(try self.key(1), in: self.blocks, tokens: 1, now: self.at(130))
        #expect(gathering.pause(rows: 1, in: self.blocks, now: self.at(130)) == self.at(140))
        gathering.began(now: self.at(131))
        #expect(gathering.pause(rows: 1, in: self.blocks, now: self.at(132)) == self.at(140))
        gathering.began(now: self.at(141))
        #expect(gathering.pause(rows: 1, in: self.blocks, now: self.at(142)) == nil)
    }

    @Test func `however many peers came too late and left, the next one is doubted all the same`() throws {
        var gathering = Gathering()
        gathering.passed(rows: 1, blocks: 8, took: .milliseconds(9), processing: .microseconds(4500))
        var now = self.start
        for _ in 0..<Limits.doubtedPeers + 10 {
            let key = SessionKey(peer: Identity().peerID, session: SessionID(rawValue: 1))
            gathering.arrived(key, in: self.blocks, tokens: 1, now: now)
            gathering.answered(key, now: now)
            gathering.arrived(key, in: self.blocks, tokens: 1, now: now + .milliseconds(30))
            gathering.answered(key, now: now + .milliseconds(30))
            #expect(gathering.pause(rows: 1, in: self.blocks, now: now + .milliseconds(59)) != nil)
            gathering.began(now: now + .milliseconds(61))
            // It is late, and a little later would be waited for again.
            #expect(gathering.pause(rows: 1, in: self.blocks, now: now + .milliseconds(62)) == nil)
            gathering.left(for: key)
            now += .milliseconds(100)
        }
        #expect(gathering.doubtedPeers <= Limits.doubtedPeers)
    }

    @Test func `sessions that are over are forgotten`() throws {
        var gathering = try self.gathering()
        #expect(gathering.count == 2)
        gathering.left(for: try self.key(1))
        gathering.left(for: try self.key(2))
        #expect(gathering.count == 0)
    }
}
