package import P2PWire
package import ShardProtocol

/// Finds the chain with the least latency (`specs/swarm.md` §1).
///
/// Two refinements of Petals' plan: a peer that speaks `x/1` may be entered and left anywhere in its range, and hops of
/// one chain must agree on their weights. A peer may stand in a chain more than once; each time is a session of its own.
package struct ChainPlanner: Sendable {
    package var blockCount: Int
    package var routing: Routing
    /// Bytes of KV-cache that the session needs in each block.
    package var kvBytesPerBlock: Int

    package init(blockCount: Int, routing: Routing = .star, kvBytesPerBlock: Int = 0) {
        self.blockCount = blockCount
        self.routing = routing
        self.kvBytesPerBlock = kvBytesPerBlock
    }

    private var costs: RouteCost { RouteCost(routing: self.routing, kvBytesPerBlock: self.kvBytesPerBlock) }

    /// The chain for a session, or for a part of one: a span that was lost is planned again by itself.
    ///
    /// - Parameters:
    ///   - candidates: in any order; those that are not online, or of another model's size, are passed over, and of two
    ///     records of one peer the older one.
    ///   - blocks: what the chain is to run; nil for the whole model.
    ///   - excluded: peers to leave out, for instance those that were just lost.
    /// - Returns: hops that tile `blocks`; the same for the same candidates.
    package func plan(
        _ candidates: [Candidate],
        blocks: BlockRange? = nil,
        excluding excluded: Set<PeerID> = []
    ) throws(NoRoute) -> [Hop] {
        try self.cheapest(candidates, blocks, excluding: excluded).hops
    }

    /// The planner's own copy whose ``routing`` suits these candidates: ``Routing/push`` where a chain of peers that all push is
    /// not dearer than the best star by more than pings tell apart (``Limits/pingError``), so that a passing delay does not
    /// choose.
    package func choosingRouting(
        for candidates: [Candidate],
        blocks: BlockRange? = nil,
        excluding excluded: Set<PeerID> = []
    ) -> ChainPlanner {
        var (star, push) = (self, self)
        (star.routing, push.routing) = (.star, .push)
        let pushing = candidates.filter(\.record.speaksPush)
        guard let chain = try? push.cheapest(pushing, blocks, excluding: excluded) else { return star }
        guard let other = try? star.cheapest(candidates, blocks, excluding: excluded) else { return push }
        return chain.cost <= other.cost + chain.hops.count * Limits.pingError.wholeNanoseconds ? push : star
    }

    private func cheapest(
        _ candidates: [Candidate],
        _ blocks: BlockRange?,
        excluding excluded: Set<PeerID>
    ) throws(NoRoute) -> (cost: Int, hops: [Hop]) {
        let part = blocks?.indices ?? 0..<self.blockCount
        let usable = self.usable(candidates, for: part, excluding: excluded)
        let groups = WeightAgreement.groups(usable)
        var best: (cost: Int, hops: [Hop])?
        for group in groups {
            var search = ShortestChain(group, through: part, costs: self.costs)
            guard let chain = search.solve() else { continue }
            if best.map({ (chain.cost, chain.hops.count) < ($0.cost, $0.hops.count) }) ?? true { best = chain }
        }
        if let best { return best }
        throw self.explain(usable, groups, part)
    }

    /// The candidates that may be part of a chain, sorted by peer, each once.
    private func usable(
        _ candidates: [Candidate],
        for part: Range<Int>,
        excluding excluded: Set<PeerID>
    ) -> [Candidate] {
        var newest: [PeerID: Candidate] = [:]
        for candidate in candidates
        where candidate.record.blockCount == self.blockCount && !excluded.contains(candidate.peer) {
            if let known = newest[candidate.peer], Self.isNewer(known.record, than: candidate.record) { continue }
            newest[candidate.peer] = candidate
        }
        let usable = newest.values
            .filter { $0.record.state == .online && $0.record.range.indices.overlaps(part) }
            .sorted { $0.peer < $1.peer }
        return Array(usable.prefix(Limits.candidates))
    }

    private static func isNewer(_ record: NodeRecord, than other: NodeRecord) -> Bool {
        (record.sequence, record.range) > (other.sequence, other.range)
    }

    /// Names the blocks to be served: those that the group which holds the most lacks.
    private func explain(_ usable: [Candidate], _ groups: [[Candidate]], _ part: Range<Int>) -> NoRoute {
        let overall = Self.missing(usable, part)
        let fewest = groups.map { Self.missing($0, part) }.min { Self.count($0) < Self.count($1) } ?? overall
        guard overall.isEmpty else { return NoRoute(reason: .uncovered, missing: overall) }
        guard fewest.isEmpty else { return NoRoute(reason: .disagreement, missing: fewest) }
        let uncuttable = Self.missing(usable.filter(\.record.speaksStepExtension), part)
        return NoRoute(reason: .untiled, missing: uncuttable)
    }

    private static func count(_ ranges: [BlockRange]) -> Int { ranges.reduce(0) { $0 + $1.count } }

    /// The blocks of `part` that none of the candidates holds.
    private static func missing(_ candidates: [Candidate], _ part: Range<Int>) -> [BlockRange] {
        var missing: [BlockRange] = []
        for block in part where !candidates.contains(where: { $0.record.range.indices.contains(block) }) {
            if let last = missing.last, last.upperBound == block,
                let longer = try? BlockRange(last.lowerBound, block + 1)
            {
                missing[missing.count - 1] = longer
            } else if let single = try? BlockRange(block, block + 1) {
                missing.append(single)
            }
        }
        return missing
    }
}
