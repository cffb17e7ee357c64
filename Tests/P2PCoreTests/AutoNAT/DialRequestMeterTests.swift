import NIOCore
import P2PWire
import Testing

@testable import P2PCore

@Suite struct DialRequestMeterTests {
    private let start = NIODeadline.uptimeNanoseconds(0)

    @Test func `answers one request of a peer at a time, and so many a minute`() {
        var meter = DialRequestMeter()
        let peer = Identity().peerID
        var answers: [Bool] = []
        answers.append(meter.begin(peer, now: self.start))
        answers.append(meter.begin(peer, now: self.start))
        meter.end(peer)
        for _ in 1...Limits.dialRequestsPerMinuteOfPeer {
            answers.append(meter.begin(peer, now: self.start + .seconds(59)))
            meter.end(peer)
        }
        answers.append(meter.begin(peer, now: self.start + .seconds(60)))
        let most = Limits.dialRequestsPerMinuteOfPeer
        // The second waits for the first; the last of the loop is one too many; a minute later there is room.
        #expect(answers == [true, false] + [Bool](repeating: true, count: most - 1) + [false, true])
    }

    @Test func `answers so many requests of all peers a minute`() {
        var meter = DialRequestMeter()
        let answers = (0...Limits.dialRequestsPerMinute).map { _ in meter.begin(Identity().peerID, now: self.start) }
        #expect(answers.count { $0 } == Limits.dialRequestsPerMinute)
        #expect(answers.last == false)
    }

    @Test func `dials so many foreign addresses a minute`() {
        var meter = DialRequestMeter()
        let most = Limits.foreignDialRequestsPerMinute
        let answers = (0...most).map { _ in meter.takeForeignDial(now: self.start) }
        #expect(answers == [Bool](repeating: true, count: most) + [false])
        let later = meter.takeForeignDial(now: self.start + .minutes(1))
        #expect(later)
    }
}
