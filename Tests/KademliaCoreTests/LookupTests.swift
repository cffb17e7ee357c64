import P2PWire
import Testing

@testable import KademliaCore

@Suite struct LookupTests {
    private let owner = Sample.peerID(0)
    private let target = KademliaKey(hashing: [1, 2, 3])

    private func lookup(
        _ seeds: [PeerInfo],
        k: Int = 20,
        alpha: Int = 10,
        beta: Int = 3,
        paths: Int = 1
    ) -> Lookup {
        var parameters = Lookup.Parameters()
        parameters.paths = paths
        parameters.resultCount = k
        parameters.concurrency = alpha
        parameters.convergence = beta
        return Lookup(
            target: self.target,
            owner: self.owner,
            seeds: seeds,
            parameters: parameters,
            now: Sample.start
        )
    }

    /// Peers 1...count, the closest to the target first.
    private func ranked(_ count: Int) -> [PeerInfo] {
        Sample.sorted(Sample.peers(1..<(count + 1)), by: self.target)
    }

    private func nearest(to peer: PeerInfo, among others: [PeerInfo]) -> PeerID {
        Sample.sorted(others.filter { $0.id != peer.id }, by: KademliaKey(peer.id))[0].id
    }

    @Test func `without seeds it is over at once`() {
        var lookup = self.lookup([])
        #expect(lookup.start() == [.finish])
        #expect(lookup.closest.isEmpty)
        #expect(lookup.rounds == 0)
    }

    @Test func `asks the closest first, alpha at a time`() {
        let peers = self.ranked(30)
        var lookup = self.lookup(peers.shuffled(), alpha: 4)
        #expect(lookup.start() == peers.prefix(4).map { .ask($0) })
        #expect(lookup.failed(peers[2].id) == [.ask(peers[4])])
        #expect(lookup.requestCount == 5)
    }

    @Test func `a transcript: converges on beta answers, then asks all of the k closest at once`() {
        let peers = self.ranked(8)
        var lookup = self.lookup(Array(peers[5...]), k: 5, alpha: 2, beta: 2)
        #expect(lookup.start() == [.ask(peers[5]), .ask(peers[6])])
        // Closer ones are heard of, and asked before the rest of the seeds.
        #expect(lookup.answered(peers[5].id, closer: Array(peers[..<2])) == [.ask(peers[0])])
        #expect(lookup.answered(peers[6].id, closer: []) == [.ask(peers[1])])
        #expect(lookup.answered(peers[0].id, closer: Array(peers[..<5])) == [.ask(peers[2])])
        // The two closest have answered: converged. The three that lack are asked at once, beyond alpha.
        #expect(lookup.answered(peers[1].id, closer: []) == [.ask(peers[3]), .ask(peers[4])])
        #expect(lookup.answered(peers[3].id, closer: []) == [])
        #expect(lookup.answered(peers[2].id, closer: []) == [])
        #expect(lookup.answered(peers[4].id, closer: []) == [.finish])
        #expect(lookup.closest == Array(peers[..<5]))
        #expect(lookup.rounds == 3)
        #expect(lookup.requestCount == 7)
    }

    @Test func `a failed peer is replaced by the next closest`() {
        let peers = self.ranked(3)
        var lookup = self.lookup(peers, k: 4, alpha: 2, beta: 1)
        #expect(lookup.start() == [.ask(peers[0]), .ask(peers[1])])
        #expect(lookup.answered(peers[0].id, closer: []) == [.ask(peers[2])])
        #expect(lookup.failed(peers[1].id) == [])
        // Three are fewer than k: no answer had to leave out anybody, so there is nobody to look for.
        #expect(lookup.answered(peers[2].id, closer: []) == [.finish])
        #expect(lookup.closest == [peers[0], peers[2]])
        #expect(lookup.rounds == 2)
    }

    @Test func `a transcript: after a failure asks the k closest for the peers around them`() {
        let peers = self.ranked(5)
        var lookup = self.lookup([peers[0], peers[1], peers[4]], k: 2, alpha: 2, beta: 1)
        #expect(lookup.start() == [.ask(peers[0]), .ask(peers[1])])
        #expect(lookup.failed(peers[0].id) == [.ask(peers[4])])
        #expect(lookup.answered(peers[1].id, closer: []) == [])
        let known = [peers[0], peers[1], peers[4]]
        #expect(
            lookup.answered(peers[4].id, closer: []) == [
                .widen(peers[1], neighbour: self.nearest(to: peers[1], among: known)),
                .widen(peers[4], neighbour: self.nearest(to: peers[4], among: known)),
            ]
        )
        // One tells of a closer one, which is asked both questions; the other one fails, and keeps its place.
        #expect(lookup.answered(peers[1].id, closer: [peers[2]]) == [.ask(peers[2])])
        #expect(lookup.failed(peers[4].id) == [])
        let neighbour = self.nearest(to: peers[2], among: known)
        #expect(lookup.answered(peers[2].id, closer: []) == [.widen(peers[2], neighbour: neighbour)])
        #expect(lookup.answered(peers[2].id, closer: []) == [.finish])
        #expect(lookup.closest == [peers[1], peers[2]])
        #expect(lookup.rounds == 5)
        #expect(lookup.wideningCount == 3)
        #expect(lookup.requestCount == 7)
    }

    @Test func `a failure beyond the k closest widens nothing`() {
        let peers = self.ranked(4)
        var lookup = self.lookup([peers[3], peers[2]], k: 2, alpha: 2, beta: 1)
        #expect(lookup.start() == [.ask(peers[2]), .ask(peers[3])])
        #expect(lookup.failed(peers[3].id) == [])
        #expect(lookup.answered(peers[2].id, closer: Array(peers[..<2])) == [.ask(peers[0]), .ask(peers[1])])
        #expect(lookup.answered(peers[0].id, closer: []) == [])
        #expect(lookup.answered(peers[1].id, closer: []) == [.finish])
        #expect(lookup.wideningCount == 0)
    }

    @Test func `ever closer peers widen it no further than the bound`() {
        // The very closest is gone. The farthest are named first, so that each displaces one of the k closest.
        var unknown = self.ranked(150)
        let gone = unknown.removeFirst()
        let seeds = [gone] + unknown.suffix(20)
        unknown.removeLast(20)
        var lookup = self.lookup(seeds, alpha: 21)
        var pending = lookup.start()
        #expect(pending.removeFirst() == .ask(gone))
        pending += lookup.failed(gone.id)
        while let action = pending.popLast(), action != .finish {
            switch action {
            case .ask(let peer): pending += lookup.answered(peer.id, closer: [])
            case .widen(let peer, _): pending += lookup.answered(peer.id, closer: unknown.popLast().map { [$0] } ?? [])
            case .finish: break
            }
        }
        #expect(lookup.wideningCount == Limits.wideningRequests)
        #expect(lookup.requestCount <= 21 + 2 * Limits.wideningRequests)
        #expect(lookup.closest.count == 20)
    }

    @Test func `when everybody fails it ends with nothing`() {
        let peers = self.ranked(3)
        var lookup = self.lookup(peers)
        _ = lookup.start()
        #expect(lookup.failed(peers[0].id) == [])
        #expect(lookup.failed(peers[1].id) == [])
        #expect(lookup.failed(peers[2].id) == [.finish])
        #expect(lookup.closest.isEmpty)
    }

    @Test func `answers that nobody waits for change nothing`() {
        let peers = self.ranked(3)
        var lookup = self.lookup([peers[0]])
        _ = lookup.start()
        #expect(lookup.answered(peers[2].id, closer: [peers[1]]) == [])
        #expect(lookup.answered(peers[0].id, closer: []) == [.finish])
        #expect(lookup.answered(peers[0].id, closer: [peers[1]]) == [])
        #expect(lookup.failed(peers[0].id) == [])
        #expect(lookup.stop() == [])
        #expect(lookup.closest == [peers[0]])
    }

    @Test func `never asks its owner nor one peer twice`() {
        let peers = self.ranked(2)
        var lookup = self.lookup([peers[0], PeerInfo(id: self.owner, addresses: [])])
        #expect(lookup.start() == [.ask(peers[0])])
        let closer = [peers[0], PeerInfo(id: self.owner, addresses: []), peers[1]]
        #expect(lookup.answered(peers[0].id, closer: closer) == [.ask(peers[1])])
        #expect(lookup.answered(peers[1].id, closer: closer) == [.finish])
    }

    @Test func `stops when told to, and says what it has heard`() {
        let peers = self.ranked(3)
        var lookup = self.lookup(Array(peers[1...]))
        _ = lookup.start()
        _ = lookup.answered(peers[1].id, closer: [peers[0]])
        #expect(lookup.stop() == [.finish])
        #expect(lookup.closest == [peers[1]])
        #expect(lookup.heard(of: peers[0].id)?.hasAnswered == false)
        #expect(lookup.heard(of: peers[1].id)?.hasAnswered == true)
        #expect(lookup.heard(of: Sample.peerID(99)) == nil)
    }

    @Test func `collects the addresses that several peers know, up to a bound`() throws {
        let peers = self.ranked(3)
        let other = try Multiaddr("/ip4/10.0.0.1/tcp/1")
        // Alpha 1 keeps the third one waiting while it is named again.
        var lookup = self.lookup([peers[1]], alpha: 1)
        _ = lookup.start()
        let named = PeerInfo(id: peers[2].id, addresses: [other])
        #expect(lookup.answered(peers[1].id, closer: [peers[2], named, peers[0]]) == [.ask(peers[0])])
        let crowded = Sample.peer(0, addressCount: 40).addresses
        let third = PeerInfo(id: peers[2].id, addresses: crowded)
        guard case .ask(let asked)? = lookup.answered(peers[0].id, closer: [third]).first else {
            Issue.record("the third peer was not asked")
            return
        }
        #expect(Array(asked.addresses.prefix(2)) == [peers[2].addresses[0], other])
        #expect(asked.addresses.count == Limits.addressesPerPeer)
    }

    @Test func `invented peers neither keep it going nor fill its memory`() {
        var lookup = self.lookup([Sample.peer(1)], alpha: 10)
        var pending = lookup.start()
        var number = 2
        while let action = pending.popLast(), case .ask(let peer) = action {
            pending += lookup.answered(peer.id, closer: Sample.peers(number..<(number + 20)))
            number += 20
        }
        #expect(lookup.requestCount <= Limits.lookupRequests)
        #expect(lookup.closest.count == Limits.bucketSize)
    }

    // MARK: Paths

    @Test func `a transcript: two paths share the seeds out, and who is named belongs to the path`() {
        let peers = self.ranked(6)
        var lookup = self.lookup([peers[2], peers[3]], k: 2, alpha: 2, beta: 1, paths: 2)
        #expect(lookup.start() == [.ask(peers[2]), .ask(peers[3])])
        // Path 0 is named two closer ones, of which it asks one: its share of alpha.
        #expect(lookup.answered(peers[2].id, closer: [peers[0], peers[1]]) == [.ask(peers[0])])
        // Path 1 is named the same ones, which are not its own, and one that is; it has converged on its seed.
        #expect(lookup.answered(peers[3].id, closer: [peers[0], peers[1], peers[4]]) == [])
        // Both have converged: the rest of the k closest of all paths is asked.
        #expect(lookup.answered(peers[0].id, closer: []) == [.ask(peers[1])])
        #expect(lookup.answered(peers[1].id, closer: []) == [.finish])
        #expect(lookup.closest == [peers[0], peers[1]])
        #expect(lookup.holders == [peers[0], peers[1], peers[3]])
    }

    @Test func `a liar with many close peers misleads its own path only`() {
        let peers = self.ranked(60)
        let (swarm, honest) = (peers.prefix(20), peers.suffix(40))
        let liar = honest[honest.startIndex]
        var lookup = self.lookup([liar] + honest.dropFirst().suffix(9), paths: 2)
        var pending = lookup.start()
        while let action = pending.popLast(), case .ask(let peer) = action {
            let lies = peer == liar || swarm.contains(peer)
            pending += lookup.answered(peer.id, closer: Array(lies ? swarm : honest.dropFirst().prefix(20)))
        }
        #expect(lookup.closest == Array(swarm))
        #expect(lookup.holders.dropFirst(20).contains(honest[honest.startIndex + 1]))
        #expect(lookup.holders.count <= 20 + 10)
    }

    @Test func `a flood on one path leaves the other its places`() {
        let peers = self.ranked(400)
        let honest = peers[399]
        var lookup = self.lookup([peers[0], honest], alpha: 2, beta: 1, paths: 2)
        var pending = lookup.start()
        var flood = peers[1..<300]
        while let action = pending.popLast(), case .ask(let peer) = action, !flood.isEmpty, peer != honest {
            pending += lookup.answered(peer.id, closer: Array(flood.suffix(20)))
            flood = flood.dropLast(20)
        }
        _ = lookup.answered(honest.id, closer: [peers[398]])
        #expect(lookup.heard(of: peers[398].id) != nil)
    }

    // MARK: Liars

    @Test func `whoever names nobody but the dead is not believed any more`() {
        let peers = self.ranked(60)
        let (liar, honest) = (peers[40], peers[41..<60])
        var lookup = self.lookup([liar] + honest, alpha: 3)
        var pending = lookup.start()
        var failures = 0
        while let action = pending.popLast(), case .ask(let peer) = action {
            if peer == liar {
                pending += lookup.answered(peer.id, closer: Array(peers[..<20]))
            } else if honest.contains(peer) {
                pending += lookup.answered(peer.id, closer: [])
            } else {
                failures += 1
                pending += lookup.failed(peer.id)
            }
        }
        // Alpha of them were under way when the liar's credit ended.
        #expect((Limits.failuresPerSource...Limits.failuresPerSource + 2).contains(failures))
        #expect(lookup.closest == [liar] + honest)
        #expect(lookup.wideningCount == 0)
    }

    @Test func `where nobody else is known, whom a liar names is asked in the end`() {
        let peers = self.ranked(60)
        let (liar, hidden) = (peers[50], peers[19])
        var lookup = self.lookup([liar], alpha: 3)
        _ = lookup.start()
        var pending = lookup.answered(liar.id, closer: Array(peers[..<20]))
        while let action = pending.popLast(), case .ask(let peer) = action {
            pending += peer == hidden ? lookup.answered(peer.id, closer: []) : lookup.failed(peer.id)
        }
        #expect(lookup.closest == [hidden, liar])
    }

    @Test func `whom a liar names is asked all the same when somebody else names it too`() {
        let peers = self.ranked(60)
        let (liar, honest, victim) = (peers[50], peers[51], peers[20])
        var lookup = self.lookup([liar, honest], alpha: 2)
        #expect(lookup.start() == [.ask(liar), .ask(honest)])
        var pending = lookup.answered(liar.id, closer: Array(peers[..<20]) + [victim])
        pending += lookup.answered(honest.id, closer: [victim])
        var asked: [PeerInfo] = []
        while let action = pending.popLast(), case .ask(let peer) = action {
            asked.append(peer)
            pending += peer == victim ? lookup.answered(peer.id, closer: []) : lookup.failed(peer.id)
        }
        #expect(asked.contains(victim))
        #expect(lookup.closest.first == victim)
    }

    @Test func `takes no more from one answer than an honest one holds`() {
        let peers = self.ranked(60)
        var lookup = self.lookup([peers[59]])
        _ = lookup.start()
        _ = lookup.answered(peers[59].id, closer: Array(peers[..<50]))
        #expect(lookup.heard(of: peers[Limits.peersPerAnswer - 1].id) != nil)
        #expect(lookup.heard(of: peers[Limits.peersPerAnswer].id) == nil)
    }

    @Test func `settles on three of one network, and on the next closest for the others`() throws {
        let address = try Multiaddr("/ip4/93.184.7.7/tcp/1")
        var peers = self.ranked(12)
        for index in 0..<6 { peers[index].addresses = [address] }
        var lookup = self.lookup(peers, k: 5)
        var pending = lookup.start()
        while let action = pending.popLast(), case .ask(let peer) = action {
            pending += lookup.answered(peer.id, closer: [])
        }
        #expect(lookup.closest == Array(peers[..<3] + peers[6..<8]))
    }
}
