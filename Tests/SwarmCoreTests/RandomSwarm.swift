import P2PWire
import ShardProtocol

@testable import SwarmCore

/// A swarm with everything that a planner may meet, from a seed.
struct RandomSwarm {
    var planner: ChainPlanner
    var candidates: [Candidate]
    var part: BlockRange?
    var excluded: Set<PeerID>

    init(seed: UInt64, peers: [PeerID]) throws {
        var random = SeededGenerator(seed: seed)
        let blockCount = Int.random(in: 1...7, using: &random)
        self.planner = ChainPlanner(
            blockCount: blockCount,
            routing: random.pick([.star, .push]),
            kvBytesPerBlock: random.pick([0, 100])
        )
        let present = peers.prefix(Int.random(in: 1...8, using: &random))
        let isDisputed = random.flip(oneIn: 3)
        self.candidates = []
        for peer in present {
            self.candidates.append(
                try Self.candidate(peer, among: present, of: blockCount, isDisputed: isDisputed, &random)
            )
        }
        self.excluded = random.flip(oneIn: 8) ? [peers[0]] : []
        let bounds = [Int.random(in: 0...blockCount, using: &random), Int.random(in: 0...blockCount, using: &random)]
        self.part = random.flip(oneIn: 2) ? try? BlockRange(bounds.min() ?? 0, bounds.max() ?? 0) : nil
        self.candidates.shuffle(using: &random)
    }

    private static func candidate(
        _ peer: PeerID,
        among peers: ArraySlice<PeerID>,
        of blockCount: Int,
        isDisputed: Bool,
        _ random: inout SeededGenerator
    ) throws -> Candidate {
        let lower = Int.random(in: 0..<blockCount, using: &random)
        var record = try Samples.record(
            random.flip(oneIn: 4) ? (0, blockCount) : (lower, Int.random(in: lower + 1...blockCount, using: &random)),
            of: blockCount,
            blocksPerSecond: random.pick([0, 10, 90, 100, 1000, 1e300]),
            fingerprint: isDisputed && random.flip(oneIn: 6) ? 2 : 1,
            digest: isDisputed ? random.pick([1, 1, 2, 3]) : 1,
            extensions: random.flip(oneIn: 4) ? [] : ["x/1"],
            pushes: !random.flip(oneIn: 4)
        )
        record.state = random.flip(oneIn: 12) ? .draining : .online
        record.freeKVBytes = random.pick([0, 100, 250, 10_000])
        for other in peers where random.flip(oneIn: 2) {
            record.neighbourPings[other] = random.pick([0, 1, 12.5, 40, 900])
        }
        return Candidate(
            peer: peer,
            record: record,
            roundTrip: random.pick([nil, .zero, .milliseconds(1), .milliseconds(20), .milliseconds(21)]),
            blockTime: random.pick([nil, nil, .milliseconds(1), .milliseconds(7)]),
            queue: random.pick([.zero, .zero, .milliseconds(15), .seconds(2)]),
            strikes: random.pick([0, 0, 0, 0, 1, 3])
        )
    }

    /// What may be planned with.
    var usable: [Candidate] {
        self.candidates.filter { $0.record.state == .online && !self.excluded.contains($0.peer) }
    }

    var blocks: Range<Int> { self.part?.indices ?? 0..<self.planner.blockCount }
}

/// The cheapest of all chains, found by trying every one.
struct BruteForce {
    let swarm: RandomSwarm
    let costs: RouteCost
    private(set) var best: Int?

    init(_ swarm: RandomSwarm) {
        self.swarm = swarm
        self.costs = RouteCost(routing: swarm.planner.routing, kvBytesPerBlock: swarm.planner.kvBytesPerBlock)
        self.go(on: [], from: swarm.blocks.lowerBound, cost: 0)
    }

    private mutating func go(on chain: [Candidate], from block: Int, cost: Int) {
        // No step of a chain has a negative cost, so what is dearer already cannot end as the cheapest.
        if let best = self.best, cost >= best { return }
        guard block < self.swarm.blocks.upperBound else {
            let whole = cost + (chain.last.map { self.costs.departure(from: $0) } ?? 0)
            return self.best = min(self.best ?? .max, whole)
        }
        for next in self.swarm.usable where next.peer != chain.last?.peer {
            guard chain.allSatisfy({ Self.agree($0.record, next.record) }) else { continue }
            for end in Self.ends(of: next.record, from: block, within: self.swarm.blocks) {
                let step =
                    self.costs.distance(to: next, from: chain.last) + self.costs.presence(of: next)
                    + self.costs.span(of: end - block, on: next)
                self.go(on: chain + [next], from: end, cost: cost + step)
            }
        }
    }

    /// Where a span may end that begins at `block`.
    static func ends(of record: NodeRecord, from block: Int, within part: Range<Int>) -> [Int] {
        let range = record.range.indices
        guard range.contains(block) else { return [] }
        if record.speaksStepExtension { return Array(block + 1...min(range.upperBound, part.upperBound)) }
        return block == range.lowerBound && range.upperBound <= part.upperBound ? [range.upperBound] : []
    }

    static func agree(_ left: NodeRecord, _ right: NodeRecord) -> Bool {
        guard left.fingerprint == right.fingerprint else { return false }
        return left.range.indices.clamped(to: right.range.indices).allSatisfy { block in
            left.blockDigests[block - left.range.lowerBound] == right.blockDigests[block - right.range.lowerBound]
        }
    }

    /// What a chain costs, for one that may exist; nil for another.
    func cost(of hops: [Hop]) -> Int? {
        var (cost, block) = (0, self.swarm.blocks.lowerBound)
        var chain: [Candidate] = []
        for hop in hops {
            guard let next = self.swarm.usable.first(where: { $0.peer == hop.peer }), hop.peer != chain.last?.peer,
                hop.blocks.lowerBound == block, chain.allSatisfy({ Self.agree($0.record, next.record) }),
                Self.ends(of: next.record, from: block, within: self.swarm.blocks).contains(hop.blocks.upperBound)
            else { return nil }
            cost +=
                self.costs.distance(to: next, from: chain.last) + self.costs.presence(of: next)
                + self.costs.span(of: hop.blocks.count, on: next)
            block = hop.blocks.upperBound
            chain.append(next)
        }
        guard block == self.swarm.blocks.upperBound else { return nil }
        return cost + (chain.last.map { self.costs.departure(from: $0) } ?? 0)
    }
}
