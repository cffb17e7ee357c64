import P2PWire
import ShardProtocol
import Testing

@testable import SwarmCore

@Suite struct PeerBansTests {
    private let start = ContinuousClock.now

    private func at(_ seconds: Int) -> ContinuousClock.Instant { self.start + .seconds(seconds) }

    @Test func `a ban lasts 15 seconds, and twice as long with each failure after it, up to 16 minutes`() throws {
        var bans = PeerBans()
        let peer = try Samples.peer(1)
        var now = 0
        for (strike, length) in [15, 30, 60, 120, 240, 480, 960, 960].enumerated() {
            bans.failed(peer, now: self.at(now))
            #expect(bans.strikes(of: peer, now: self.at(now + length - 1)) == min(strike + 1, Limits.strikes))
            #expect(bans.strikes(of: peer, now: self.at(now + length)) == 0)
            #expect(bans.end(of: peer, now: self.at(now)) == self.at(now + length))
            now += length
        }
    }

    @Test func `sessions that lose one peer together are one failure`() throws {
        var bans = PeerBans()
        let peer = try Samples.peer(1)
        for second in 0..<10 { bans.failed(peer, now: self.at(second)) }
        #expect(bans.end(of: peer, now: self.at(9)) == self.at(24))
    }

    @Test func `a success forgives everything`() throws {
        var bans = PeerBans()
        let peer = try Samples.peer(1)
        bans.failed(peer, now: self.at(0))
        bans.failed(peer, now: self.at(20))
        bans.succeeded(peer)
        #expect(bans.end(of: peer, now: self.at(20)) == nil)
        bans.failed(peer, now: self.at(20))
        #expect(bans.end(of: peer, now: self.at(20)) == self.at(35))
    }

    @Test func `failures of long ago are forgotten`() throws {
        var bans = PeerBans()
        let peer = try Samples.peer(1)
        bans.failed(peer, now: self.at(0))
        bans.failed(peer, now: self.at(15 + 961))
        #expect(bans.end(of: peer, now: self.at(976)) == self.at(991))
    }

    @Test func `remembers as many peers as its bound`() throws {
        var bans = PeerBans()
        for number in 0...Limits.bannedPeers {
            let peer = try PeerID(bytes: [0, 2, UInt8(number / 256), UInt8(number % 256)])
            bans.failed(peer, now: self.at(number))
        }
        #expect(bans.count == Limits.bannedPeers)
        #expect(bans.end(of: try PeerID(bytes: [0, 2, 0, 0]), now: self.at(0)) == nil)
    }

    @Test func `a banned peer is left out, unless nobody else holds its blocks`() throws {
        let peers = try Samples.peers(3)
        var candidates = [
            Candidate(peer: peers[0], record: try Samples.record((0, 24), blocksPerSecond: 100_000)),
            Candidate(peer: peers[1], record: try Samples.record((0, 24), blocksPerSecond: 1)),
            Candidate(peer: peers[2], record: try Samples.record((0, 12), blocksPerSecond: 100_000)),
        ]
        candidates[0].strikes = 1
        let planner = ChainPlanner(blockCount: 24)
        #expect(try planner.plan(candidates).map(\.peer) == [peers[2], peers[1]])
        candidates.remove(at: 1)
        #expect(try planner.plan(candidates).map(\.peer) == [peers[0]])
    }
}
