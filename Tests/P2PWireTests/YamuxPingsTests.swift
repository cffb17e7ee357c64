import NIOCore
import Testing

@testable import P2PWire

@Suite struct YamuxPingsTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    /// Pings answered after so many milliseconds each, one after the other.
    private func pings(answeredAfter times: [Int64]) throws -> (pings: YamuxPings, end: NIODeadline) {
        var pings = YamuxPings()
        var now = self.start
        for time in times {
            let begun = pings.begin(at: now)
            let value = try #require(begun)
            now = now + .milliseconds(time)
            pings.answered(value, at: now)
        }
        return (pings, now)
    }

    @Test func `the round trip is the least of the last eight answers`() throws {
        #expect(try self.pings(answeredAfter: [9, 5, 7]).pings.roundTrip == .milliseconds(5))
        let later = try self.pings(answeredAfter: [2, 9, 9, 8, 9, 9, 9, 9, 9]).pings
        #expect(later.roundTrip == .milliseconds(8))
    }

    @Test func `the first eight follow each other, later ones come every two seconds`() throws {
        var (pings, now) = try self.pings(answeredAfter: [1, 1, 1, 1, 1, 1, 1])
        #expect(pings.isDue(at: now))
        let begun = pings.begin(at: now)
        let eighth = try #require(begun)
        #expect(!pings.isDue(at: now + .seconds(9)))
        now = now + .milliseconds(1)
        pings.answered(eighth, at: now)
        #expect(!pings.isDue(at: now + .milliseconds(1_999)))
        #expect(pings.isDue(at: now + .seconds(2)))
    }

    @Test func `an answer that nobody asked for changes nothing`() throws {
        var pings = YamuxPings()
        pings.answered(1, at: self.start)
        let begun = pings.begin(at: self.start)
        let value = try #require(begun)
        pings.answered(value &+ 1, at: self.start + .milliseconds(1))
        #expect(pings.roundTrip == nil)
        pings.answered(value, at: self.start + .milliseconds(4))
        pings.answered(value, at: self.start + .milliseconds(1))
        #expect(pings.roundTrip == .milliseconds(4))
    }
}
