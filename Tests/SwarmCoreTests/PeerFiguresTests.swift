import P2PWire
import ShardProtocol
import Testing

@testable import SwarmCore

@Suite struct PeerFiguresTests {
    private let start = ContinuousClock.now

    private func step(
        _ figures: inout PeerFigures,
        _ peer: PeerID,
        after seconds: Int = 0,
        blocks: Int = 4,
        tokens: Int = 1,
        compute: Duration = .milliseconds(40),
        queue: Duration = .zero,
        network: Duration = .milliseconds(3),
        isPushed: Bool = false
    ) {
        figures.ran(
            peer,
            blocks: blocks,
            tokens: tokens,
            compute: compute,
            queue: queue,
            network: network,
            isPushed: isPushed,
            now: self.start + .seconds(seconds)
        )
    }

    private func candidate(_ figures: PeerFigures, _ peer: PeerID, after seconds: Int = 0) throws -> Candidate {
        figures.candidate(peer, try Samples.record((0, 24)), now: self.start + .seconds(seconds))
    }

    @Test func `a peer of which nothing is known has its own word alone`() throws {
        let candidate = try self.candidate(PeerFigures(), Samples.peer(1))
        #expect(candidate == Candidate(peer: try Samples.peer(1), record: try Samples.record((0, 24))))
    }

    @Test func `a pushed step teaches of the way only what a round trip does not explain`() throws {
        var figures = PeerFigures()
        let peer = try Samples.peer(1)
        figures.pinged(peer, roundTrip: .milliseconds(2), now: self.start)
        self.step(&figures, peer, queue: .milliseconds(5), network: .milliseconds(1), isPushed: true)
        let candidate = try self.candidate(figures, peer)
        #expect(candidate.roundTrip == .milliseconds(2))
        // One that claims to have done nothing all the time.
        self.step(&figures, peer, compute: .zero, network: .milliseconds(202), isPushed: true)
        #expect(try self.candidate(figures, peer).roundTrip == .milliseconds(102))
        #expect(candidate.blockTime == .milliseconds(10))
        #expect(candidate.queue == .milliseconds(5))
    }

    @Test func `the first step replaces what was announced`() throws {
        var figures = PeerFigures()
        let peer = try Samples.peer(1)
        figures.pinged(peer, roundTrip: .milliseconds(2), now: self.start)
        self.step(&figures, peer, queue: .milliseconds(5))
        let candidate = try self.candidate(figures, peer)
        #expect(candidate.blockTime == .milliseconds(10))
        #expect(candidate.queue == .milliseconds(5))
        #expect(candidate.roundTrip == .milliseconds(3))
    }

    @Test func `a liar is chosen once, and no more after its first step`() throws {
        let peers = try Samples.peers(2)
        let lie = try Samples.record((0, 24), blocksPerSecond: 1_000_000)
        let truth = try Samples.record((0, 24), blocksPerSecond: 500)
        var figures = PeerFigures()
        func chosen() throws -> [PeerID] {
            let candidates = [(peers[0], lie), (peers[1], truth)].map {
                figures.candidate($0, $1, now: self.start)
            }
            return try ChainPlanner(blockCount: 24).plan(candidates).map(\.peer)
        }
        for peer in peers { figures.pinged(peer, roundTrip: .milliseconds(3), now: self.start) }
        #expect(try chosen() == [peers[0]])
        self.step(&figures, peers[0], blocks: 24, compute: .seconds(1))
        #expect(try chosen() == [peers[1]])
    }

    @Test func `steps of many tokens say nothing of a token`() throws {
        var figures = PeerFigures()
        let peer = try Samples.peer(1)
        self.step(&figures, peer, tokens: 256)
        #expect(try self.candidate(figures, peer).blockTime == nil)
    }

    @Test func `the last steps count most, and none alone decides`() throws {
        var figures = PeerFigures()
        let peer = try Samples.peer(1)
        for _ in 0..<20 { self.step(&figures, peer, blocks: 1, compute: .milliseconds(8)) }
        self.step(&figures, peer, blocks: 1, compute: .milliseconds(88))
        #expect(try self.candidate(figures, peer).blockTime == .milliseconds(18))
        for _ in 0..<60 { self.step(&figures, peer, blocks: 1, compute: .milliseconds(88)) }
        let settled = try #require(try self.candidate(figures, peer).blockTime)
        #expect(settled > .milliseconds(87))
    }

    @Test func `a queue that nobody sees is taken to shrink, and old figures are forgotten`() throws {
        var figures = PeerFigures()
        let peer = try Samples.peer(1)
        self.step(&figures, peer, queue: .milliseconds(800))
        #expect(try self.candidate(figures, peer, after: 29).queue == .milliseconds(800))
        #expect(try self.candidate(figures, peer, after: 60).queue == .milliseconds(200))
        #expect(try self.candidate(figures, peer, after: 599).blockTime != nil)
        #expect(try self.candidate(figures, peer, after: 600).blockTime == nil)
        self.step(&figures, peer, after: 700, compute: .milliseconds(4))
        #expect(try self.candidate(figures, peer, after: 700).blockTime == .milliseconds(1))
    }

    @Test func `a ping moves the round trip, with what steps take above it`() throws {
        var figures = PeerFigures()
        let peer = try Samples.peer(1)
        figures.pinged(peer, roundTrip: .milliseconds(10), now: self.start)
        self.step(&figures, peer, network: .milliseconds(12))
        figures.pinged(peer, roundTrip: .milliseconds(30), now: self.start)
        #expect(try self.candidate(figures, peer).roundTrip == .milliseconds(22))
    }

    @Test func `remembers as many peers as its bound, the latest`() throws {
        var figures = PeerFigures()
        let peers = try (0...Limits.measuredPeers).map { number in
            try PeerID(bytes: [0, 2, UInt8(number / 256), UInt8(number % 256)])
        }
        for (second, peer) in peers.enumerated() {
            figures.pinged(peer, roundTrip: .milliseconds(1), now: self.start + .seconds(second))
        }
        #expect(figures.count == Limits.measuredPeers)
        #expect(try self.candidate(figures, peers[0]).roundTrip == nil)
        #expect(try self.candidate(figures, peers[1]).roundTrip != nil)
    }
}
