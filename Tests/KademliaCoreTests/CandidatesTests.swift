import P2PWire
import Testing

@testable import KademliaCore

@Suite struct CandidatesTests {
    private let target = KademliaKey(hashing: [1])

    private func ranked(_ count: Int) -> [PeerInfo] {
        Sample.sorted(Sample.peers(1..<(count + 1)), by: self.target)
    }

    private func candidates(_ peers: [PeerInfo]) -> Candidates {
        var candidates = Candidates(paths: 1, perGroup: nil)
        for peer in peers {
            candidates.insert(peer, distance: KademliaKey(peer.id).distance(to: self.target), path: 0)
        }
        return candidates
    }

    @Test func `hands out the closest first, in whatever order they came`() {
        let peers = self.ranked(30)
        let candidates = self.candidates(peers.reversed())
        #expect(candidates.closestWaiting(5, on: 0, enough: 3) == Array(peers.prefix(5)))
        #expect(candidates.closestWaiting(-1, on: 0, enough: 3).isEmpty)
    }

    @Test func `remembers only the closest of a flood`() {
        let peers = self.ranked(Limits.lookupCandidates + 100)
        let candidates = self.candidates(peers.shuffled())
        #expect(candidates.closestWaiting(.max, on: 0, enough: 3) == Array(peers.prefix(Limits.lookupCandidates)))
    }

    @Test func `a flood drops nobody who was asked`() {
        let peers = self.ranked(Limits.lookupCandidates + 50)
        let far = peers[Limits.lookupCandidates - 1]
        var candidates = self.candidates([far])
        candidates.ask(far.id, round: 1)
        for peer in peers { candidates.insert(peer, distance: KademliaKey(peer.id).distance(to: self.target), path: 0) }
        #expect(candidates[far.id]?.state == .asked(round: 1))
    }

    @Test func `a request ends once, in the round in which it was sent`() {
        let peers = self.ranked(2)
        var candidates = self.candidates(peers)
        candidates.ask(peers[0].id, round: 3)
        #expect(candidates.askedCount == 1)
        #expect(candidates.settle(peers[1].id, as: .answered) == nil)
        #expect(candidates.settle(peers[0].id, as: .answered)?.round == 3)
        #expect(candidates.settle(peers[0].id, as: .failed) == nil)
        #expect(candidates.askedCount == 0)
        #expect(candidates.answered(5) == [peers[0]])
    }

    @Test func `those that failed do not count among the closest`() {
        let peers = self.ranked(3)
        var candidates = self.candidates(peers)
        for peer in peers { candidates.ask(peer.id, round: 1) }
        _ = candidates.settle(peers[0].id, as: .failed)
        _ = candidates.settle(peers[1].id, as: .answered)
        #expect(candidates.haveAnswered(closest: 1))
        #expect(!candidates.haveAnswered(closest: 2))
        _ = candidates.settle(peers[2].id, as: .answered)
        #expect(candidates.haveAnswered(closest: 20))
    }

    @Test func `somebody may be hidden only behind one who failed among the closest of a full answer`() {
        let peers = self.ranked(4)
        var candidates = self.candidates(peers)
        for peer in peers { candidates.ask(peer.id, round: 1) }
        _ = candidates.settle(peers[2].id, as: .failed)
        #expect(!candidates.mayHide(among: 2))
        #expect(candidates.mayHide(among: 3))
        #expect(candidates.mayHide(among: 4))
        #expect(!candidates.mayHide(among: 5))
    }

    @Test func `each is asked once for the peers around it, and keeps its place`() {
        let peers = self.ranked(3)
        var candidates = self.candidates(peers)
        for peer in peers.prefix(2) {
            candidates.ask(peer.id, round: 1)
            _ = candidates.settle(peer.id, as: .answered)
        }
        #expect(candidates.unwidened(among: 3) == Array(peers.prefix(2)))
        candidates.widen(peers[0].id, round: 2)
        #expect(candidates.isWidening(among: 1))
        #expect(candidates.unwidened(among: 3) == [peers[1]])
        #expect(candidates.settle(peers[0].id, as: .failed)?.round == 2)
        #expect(!candidates.isWidening(among: 3))
        #expect(candidates.unwidened(among: 3) == [peers[1]])
        #expect(candidates.answered(3) == Array(peers.prefix(2)))
    }

    @Test func `the neighbour of a candidate is the one closest to itself`() {
        let peers = self.ranked(30)
        let candidates = self.candidates(peers)
        for peer in peers {
            let others = Sample.sorted(peers.filter { $0.id != peer.id }, by: KademliaKey(peer.id))
            #expect(candidates.neighbour(of: peer.id) == others[0].id)
        }
        #expect(candidates.neighbour(of: Sample.peerID(99)) == nil)
        #expect(self.candidates([peers[0]]).neighbour(of: peers[0].id) == nil)
    }
}
