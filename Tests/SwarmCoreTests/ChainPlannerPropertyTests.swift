import Foundation
import P2PWire
import ShardProtocol
import Testing

@testable import SwarmCore

/// The planner against every chain there is. `KWAAI_PLANNER_SWARMS` says how many swarms.
@Suite struct ChainPlannerPropertyTests {
    private static let swarms =
        ProcessInfo.processInfo.environment["KWAAI_PLANNER_SWARMS"].flatMap { UInt64($0) } ?? 4000

    private func plan(_ swarm: RandomSwarm, _ candidates: [Candidate]? = nil) -> [Hop]? {
        try? swarm.planner.plan(candidates ?? swarm.candidates, blocks: swarm.part, excluding: swarm.excluded)
    }

    @Test func `no chain of any random swarm is cheaper than the plan`() throws {
        let peers = try Samples.peers(8)
        var planned = 0
        for seed in 1...Self.swarms {
            let swarm = try RandomSwarm(seed: seed, peers: peers)
            let everything = BruteForce(swarm)
            let hops = self.plan(swarm)
            try #require(hops.map { everything.cost(of: $0) } == everything.best.map { .some($0) }, "seed \(seed)")
            if hops != nil { planned += 1 }
        }
        #expect(planned > Int(Self.swarms) / 4)
        #expect(planned < Int(Self.swarms) * 9 / 10)
    }

    @Test func `a plan does not depend on the order of the candidates, nor on older records of the same peers`() throws
    {
        let peers = try Samples.peers(8)
        for seed in 1...Self.swarms / 8 {
            let swarm = try RandomSwarm(seed: seed, peers: peers)
            let expected = self.plan(swarm)
            try #require(self.plan(swarm, swarm.candidates.reversed()) == expected, "seed \(seed)")
            var older = swarm.candidates
            for index in older.indices {
                older[index].record.sequence = 0
                older[index].record.state = .online
                older[index].record.blocksPerSecond = 1e6
            }
            try #require(self.plan(swarm, older + swarm.candidates) == expected, "seed \(seed)")
        }
    }

    @Test func `bans take away no chain, and use no banned peer where one without exists`() throws {
        let peers = try Samples.peers(8)
        for seed in 1...Self.swarms / 8 {
            let swarm = try RandomSwarm(seed: seed, peers: peers)
            let hops = self.plan(swarm)
            let forgiven = swarm.candidates.map { candidate in
                var candidate = candidate
                candidate.strikes = 0
                return candidate
            }
            try #require((hops == nil) == (self.plan(swarm, forgiven) == nil), "seed \(seed)")
            let banned = Set(swarm.candidates.filter { $0.strikes > 0 }.map(\.peer))
            if self.plan(swarm, swarm.candidates.filter { !banned.contains($0.peer) }) != nil {
                try #require(hops.map { banned.isDisjoint(with: $0.map(\.peer)) } == true, "seed \(seed)")
            }
        }
    }

    @Test func `an estimate is what the plan costs, without the price of bans and of missing room`() throws {
        let peers = try Samples.peers(8)
        for seed in 1...Self.swarms / 8 {
            var swarm = try RandomSwarm(seed: seed, peers: peers)
            swarm.planner.kvBytesPerBlock = 0
            for index in swarm.candidates.indices { swarm.candidates[index].strikes = 0 }
            guard let hops = self.plan(swarm) else { continue }
            let estimate = swarm.planner.estimate(hops, among: swarm.candidates)
            let cost = try #require(BruteForce(swarm).best)
            try #require(estimate.total == .nanoseconds(cost), "seed \(seed)")
            try #require(estimate.hops.map { Hop(peer: $0.peer, blocks: $0.blocks) } == hops, "seed \(seed)")
        }
    }

    @Test func `256 holders of 80 blocks are planned, in a star and with push`() throws {
        var random = SeededGenerator(seed: 1)
        let peers = try (0..<256).map { try PeerID(bytes: [0, 1, UInt8($0)]) }
        let digests = (0..<80).map { [UInt8](repeating: UInt8($0), count: 32) }
        let candidates = try peers.map { peer in
            let lower = Int.random(in: 0..<20, using: &random)
            var record = try Samples.record((lower, Int.random(in: 60...80, using: &random)), of: 80, pushes: true)
            record.blockDigests = Array(digests[record.range.indices])
            for _ in 0..<16 { record.neighbourPings[random.pick(peers)] = Double.random(in: 1...90, using: &random) }
            return Candidate(
                peer: peer,
                record: record,
                roundTrip: .milliseconds(Int.random(in: 1...90, using: &random)),
                blockTime: .microseconds(Int.random(in: 500...9000, using: &random))
            )
        }
        for routing in [Routing.star, .push] {
            let planner = ChainPlanner(blockCount: 80, routing: routing, kvBytesPerBlock: 1 << 24)
            let start = ContinuousClock.now
            let hops = try planner.plan(candidates)
            print("256 holders of 80 blocks, \(routing): \(hops.count) hops in \(ContinuousClock.now - start)")
            #expect(hops.map(\.blocks.lowerBound).first == 0)
            #expect(hops.map(\.blocks.upperBound).last == 80)
        }
    }
}
