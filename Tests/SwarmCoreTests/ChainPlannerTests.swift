import P2PWire
import ShardProtocol
import Testing

@testable import SwarmCore

@Suite struct ChainPlannerTests {
    private func candidate(_ peer: PeerID, _ record: NodeRecord, roundTrip: Duration? = .milliseconds(10)) -> Candidate
    {
        Candidate(peer: peer, record: record, roundTrip: roundTrip)
    }

    private func spans(_ hops: [Hop]) -> [String] { hops.map(\.blocks.description) }

    private func route(_ candidates: [Candidate], blockCount: Int = 24) throws -> [Hop] {
        try ChainPlanner(blockCount: blockCount).plan(candidates)
    }

    private func missing(_ candidates: [Candidate]) -> NoRoute? {
        do throws(NoRoute) {
            _ = try ChainPlanner(blockCount: 24).plan(candidates)
            return nil
        } catch {
            return error
        }
    }

    @Test func `two halves make a chain`() throws {
        let peers = try Samples.peers(2)
        let hops = try self.route([
            self.candidate(peers[0], try Samples.record((12, 24))),
            self.candidate(peers[1], try Samples.record((0, 12))),
        ])
        #expect(hops.map(\.peer) == [peers[1], peers[0]])
        #expect(self.spans(hops) == ["0..12", "12..24"])
    }

    @Test func `a lost span is planned by itself, without the peer that lost it`() throws {
        let peers = try Samples.peers(4)
        let candidates = [
            self.candidate(peers[0], try Samples.record((0, 12))),
            self.candidate(peers[1], try Samples.record((6, 24), blocksPerSecond: 9000)),
            self.candidate(peers[2], try Samples.record((6, 14))),
            self.candidate(peers[3], try Samples.record((10, 24))),
        ]
        let planner = ChainPlanner(blockCount: 24)
        let lost = try BlockRange(9, 20)
        #expect(try planner.plan(candidates, blocks: lost) == [Hop(peer: peers[1], blocks: lost)])
        let replacement = try planner.plan(candidates, blocks: lost, excluding: [peers[1]])
        #expect(replacement.map(\.blocks.lowerBound).first == 9)
        #expect(replacement.map(\.blocks.upperBound).last == 20)
        #expect(Set(replacement.map(\.peer)).isDisjoint(with: [peers[1]]))
        do throws(NoRoute) {
            _ = try planner.plan(candidates, blocks: lost, excluding: [peers[1], peers[3]])
            Issue.record("blocks 14 to 19 have no other holder")
        } catch {
            #expect(error == NoRoute(reason: .uncovered, missing: [try BlockRange(14, 20)]))
        }
    }

    @Test func `overlapping ranges are cut where the faster peer begins`() throws {
        let peers = try Samples.peers(2)
        let hops = try self.route([
            self.candidate(peers[0], try Samples.record((0, 16), blocksPerSecond: 100)),
            self.candidate(peers[1], try Samples.record((8, 24), blocksPerSecond: 1000)),
        ])
        #expect(self.spans(hops) == ["0..8", "8..24"])
    }

    @Test func `fewer hops win when a hop costs more than it saves`() throws {
        let peers = try Samples.peers(3)
        let hops = try self.route([
            self.candidate(peers[0], try Samples.record((0, 24), blocksPerSecond: 2000)),
            self.candidate(peers[1], try Samples.record((0, 12), blocksPerSecond: 4000)),
            self.candidate(peers[2], try Samples.record((12, 24), blocksPerSecond: 4000)),
        ])
        #expect(hops.map(\.peer) == [peers[0]])
    }

    @Test func `a nearer peer wins among equals, an unmeasured one comes last`() throws {
        let peers = try Samples.peers(3)
        let record = try Samples.record((0, 24))
        let hops = try self.route([
            self.candidate(peers[0], record, roundTrip: nil),
            self.candidate(peers[1], record, roundTrip: .milliseconds(20)),
            self.candidate(peers[2], record, roundTrip: .milliseconds(5)),
        ])
        #expect(hops.map(\.peer) == [peers[2]])
    }

    @Test func `a peer without room is passed over, but used when there is no other`() throws {
        let peers = try Samples.peers(2)
        var full = try Samples.record((0, 24), blocksPerSecond: 100_000)
        full.freeKVBytes = 0
        var planner = ChainPlanner(blockCount: 24)
        planner.kvBytesPerBlock = 1000
        let hops = try planner.plan([
            self.candidate(peers[0], full), self.candidate(peers[1], try Samples.record((0, 24), blocksPerSecond: 10)),
        ])
        #expect(hops.map(\.peer) == [peers[1]])
        #expect(try planner.plan([self.candidate(peers[0], full)]).map(\.peer) == [peers[0]])
    }

    /// One peer for the first half of the blocks, and two for the second: one that is near to the coordinator, and one that
    /// is near to the first peer.
    private func neighbours(pushing: Bool = true, _ milliseconds: [Double?] = [100, 2]) throws -> [Candidate] {
        let peers = try Samples.peers(3)
        var first = try Samples.record((0, 12), pushes: pushing)
        for (peer, ping) in zip(peers[1...], milliseconds) { first.neighbourPings[peer] = ping }
        let second = try Samples.record((12, 24), pushes: pushing)
        return [
            self.candidate(peers[0], first, roundTrip: .milliseconds(30)),
            self.candidate(peers[1], second, roundTrip: .milliseconds(30)),
            self.candidate(peers[2], second, roundTrip: .milliseconds(40)),
        ]
    }

    @Test func `with chain push the pings between neighbours decide`() throws {
        let candidates = try self.neighbours()
        let push = try ChainPlanner(blockCount: 24, routing: .push).plan(candidates)
        #expect(push.map(\.peer) == [candidates[0].peer, candidates[2].peer])
        #expect(try self.route(candidates).map(\.peer) == [candidates[0].peer, candidates[1].peer])
    }

    @Test(arguments: [
        ([100.0, 2.0], true, Routing.push), ([nil, nil], true, .push), ([100, 2], false, .star),
        ([100, 53], true, .push),
        ([100, 55], true, .star),
    ])
    func `steps are pushed where all can and it is not slower, by more than pings tell`(
        milliseconds: [Double?],
        pushing: Bool,
        routing: Routing
    ) throws {
        let candidates = try self.neighbours(pushing: pushing, milliseconds)
        #expect(ChainPlanner(blockCount: 24).choosingRouting(for: candidates).routing == routing)
    }

    @Test func `where only slow peers push, or none does for some blocks, the chain is a star`() throws {
        let peers = try Samples.peers(2)
        let planner = ChainPlanner(blockCount: 24)
        let slow = self.candidate(peers[0], try Samples.record((0, 24), blocksPerSecond: 10, pushes: true))
        let fast = self.candidate(peers[1], try Samples.record((0, 24)))
        #expect(planner.choosingRouting(for: [slow, fast]).routing == .star)
        #expect(planner.choosingRouting(for: [slow]).routing == .push)
        let half = self.candidate(peers[0], try Samples.record((0, 12), pushes: true))
        #expect(planner.choosingRouting(for: [half, fast]).routing == .star)
    }

    @Test func `a plain peer runs its whole range or nothing`() throws {
        let peers = try Samples.peers(3)
        let plain = self.candidate(peers[0], try Samples.record((0, 16), extensions: []))
        let later = self.candidate(peers[1], try Samples.record((8, 24)))
        #expect(self.spans(try self.route([plain, later])) == ["0..16", "16..24"])
        let plainLater = self.candidate(peers[2], try Samples.record((8, 24), extensions: []))
        #expect(self.missing([plain, plainLater])?.reason == .untiled)
    }

    @Test func `names the blocks that nobody serves`() throws {
        let peers = try Samples.peers(3)
        var joining = try Samples.record((0, 24))
        joining.state = .joining
        let route = self.missing([
            self.candidate(peers[0], try Samples.record((3, 9))),
            self.candidate(peers[1], try Samples.record((12, 20))),
            self.candidate(peers[2], joining),
        ])
        let expected = [try BlockRange(0, 3), try BlockRange(9, 12), try BlockRange(20, 24)]
        #expect(route == NoRoute(reason: .uncovered, missing: expected))
        #expect(route?.description == "no online peer holds blocks 0..3, 9..12, 20..24")
        #expect(self.missing([]) == NoRoute(reason: .uncovered, missing: [try BlockRange(0, 24)]))
    }

    @Test func `weights of one name but of another fingerprint are never mixed`() throws {
        let peers = try Samples.peers(2)
        let route = self.missing([
            self.candidate(peers[0], try Samples.record((0, 16), fingerprint: 1)),
            self.candidate(peers[1], try Samples.record((12, 24), fingerprint: 2)),
        ])
        #expect(route == NoRoute(reason: .disagreement, missing: [try BlockRange(16, 24)]))
    }

    @Test func `peers whose digests differ where they overlap are never mixed`() throws {
        let peers = try Samples.peers(3)
        let odd = self.candidate(peers[0], try Samples.record((0, 16), blocksPerSecond: 9000, digest: 9))
        let even = self.candidate(peers[1], try Samples.record((0, 16)))
        let rest = self.candidate(peers[2], try Samples.record((12, 24)))
        #expect(try self.route([odd, even, rest]).map(\.peer) == [peers[1], peers[2]])
        #expect(self.missing([odd, rest])?.reason == .disagreement)
    }

    @Test func `the same candidates give the same chain in whatever order they come`() throws {
        let peers = try Samples.peers(8)
        var candidates: [Candidate] = []
        for (index, peer) in peers.enumerated() {
            let lower = (index % 4) * 6
            candidates.append(self.candidate(peer, try Samples.record((lower, min(24, lower + 9)))))
        }
        let expected = try self.route(candidates)
        for _ in 0..<8 {
            candidates.append(candidates.removeFirst())
            #expect(try self.route(candidates) == expected)
            #expect(try self.route(candidates.reversed()) == expected)
        }
    }

    @Test func `looks at as many candidates as its bound and no more`() throws {
        let holder = try Samples.record((0, 24))
        let peers = try (0...Limits.candidates).map { number in
            let seed = [UInt8](repeating: UInt8(number % 256), count: 31) + [UInt8(number / 256)]
            return try Identity(seed: seed).peerID
        }.sorted()
        let useless = try Samples.record((0, 1))
        var candidates = peers.map { self.candidate($0, useless) }
        candidates[Limits.candidates - 1].record = holder
        #expect(try self.route(candidates).map(\.peer) == [peers[Limits.candidates - 1]])
        candidates[Limits.candidates - 1].record = useless
        candidates[Limits.candidates].record = holder
        #expect(self.missing(candidates)?.reason == .uncovered)
    }

    @Test func `records that all contradict each other are planned in so many groups and no more`() throws {
        let peers = try (0..<Limits.candidates).map { try PeerID(bytes: [0, 2, 1, UInt8($0)]) }
        let liars = try peers.dropLast(2).enumerated().map { number, peer in
            self.candidate(peer, try Samples.record((0, 24), blocksPerSecond: 9, digest: UInt8(number)))
        }
        #expect(WeightAgreement.groups(liars).count == Limits.weightGroups)
        // Two that agree are the largest group, so nobody can push them out.
        let honest = try peers.suffix(2).map { self.candidate($0, try Samples.record((0, 24), digest: 255)) }
        let groups = WeightAgreement.groups(liars + honest)
        #expect(groups.count == Limits.weightGroups && groups[0] == honest)
        #expect(try self.route(liars + honest).map(\.peer) == [honest[0].peer])
    }

    @Test func `numbers that no honest peer announces do not break the plan`() throws {
        let peers = try Samples.peers(2)
        var strange = try Samples.record((0, 24), blocksPerSecond: .greatestFiniteMagnitude, pushes: true)
        strange.neighbourPings = [peers[1]: .greatestFiniteMagnitude]
        let slow = try Samples.record((0, 24), blocksPerSecond: .leastNonzeroMagnitude, pushes: true)
        let planner = ChainPlanner(blockCount: 24, routing: .push, kvBytesPerBlock: .max)
        let hops = try planner.plan([
            self.candidate(peers[0], strange, roundTrip: .seconds(-1)),
            self.candidate(peers[1], slow, roundTrip: .seconds(1 << 40)),
        ])
        #expect(hops.map(\.peer) == [peers[0]])
    }
}
