package import P2PWire
package import ShardProtocol

/// Finds the chain with the least latency (`specs/swarm.md` §1).
///
/// Petals' Dijkstra over (peer, block). Every edge leads from one block to the next or from one peer to another at the
/// same block, so the graph has no cycle and blocks in ascending order are the order in which Dijkstra would settle
/// them. Two refinements: a peer that speaks `x/1` may be entered and left anywhere in its range, and hops of one chain
/// must agree on their weights.
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

    /// The chain for a session, or for a part of one: a span that was lost is planned again by itself.
    ///
    /// - Parameters:
    ///   - candidates: in any order; those that are not online, or of another model's size, are passed over.
    ///   - blocks: what the chain is to run; nil for the whole model.
    ///   - excluded: peers to leave out, for instance those that were just lost.
    /// - Returns: hops that tile `blocks`; the same for the same candidates.
    package func plan(
        _ candidates: [Candidate],
        blocks: BlockRange? = nil,
        excluding excluded: Set<PeerID> = []
    ) throws(NoRoute) -> [Hop] {
        let part = blocks?.indices ?? 0..<self.blockCount
        let usable =
            candidates
            .filter { $0.record.state == .online && $0.record.blockCount == self.blockCount }
            .filter { !excluded.contains($0.peer) && $0.record.range.indices.overlaps(part) }
            .sorted { ($0.peer, $0.record.range, $0.record.sequence) < ($1.peer, $1.record.range, $1.record.sequence) }
            .prefix(Limits.candidates)
        let groups = WeightAgreement.groups(Array(usable))
        var best: Route?
        for group in groups {
            guard let route = self.cheapest(group, through: part) else { continue }
            if best.map({ route < $0 }) ?? true { best = route }
        }
        if let best { return best.hops }
        throw self.explain(Array(usable), groups, part)
    }

    /// A chain up to some block, and what it costs; fewer hops win among equal costs.
    private struct Route {
        var cost: Int
        var hops: [Hop]
        var last: Candidate

        static func < (left: Route, right: Route) -> Bool {
            (left.cost, left.hops.count) < (right.cost, right.hops.count)
        }

        /// The same chain with one more block on its last hop.
        func extended(to block: Int, cost: Int) -> Route {
            var route = self
            route.cost += cost
            if let hop = route.hops.popLast(), let blocks = try? BlockRange(hop.blocks.lowerBound, block + 1) {
                route.hops.append(Hop(peer: hop.peer, blocks: blocks))
            }
            return route
        }
    }

    /// The cheapest chain of candidates that agree with each other; nil when they hold too little.
    private func cheapest(_ candidates: [Candidate], through blocks: Range<Int>) -> Route? {
        let costs = RouteCost(routing: self.routing, kvBytesPerBlock: self.kvBytesPerBlock)
        // After round b: the cheapest chain through blocks ...b that ends on each candidate.
        var routes: [Route?] = []
        for block in blocks {
            let isFirst = block == blocks.lowerBound
            let open = routes.compactMap { $0 }.filter { self.mayLeave($0.last, before: block) }
            let next = candidates.enumerated().map { index, candidate -> Route? in
                guard candidate.record.range.indices.contains(block) else { return nil }
                let staying = isFirst ? nil : routes[index]
                let entering = self.entry(into: candidate, at: block, after: isFirst ? nil : open, costs)
                return [staying, entering].compactMap { $0 }.min(by: <)?
                    .extended(to: block, cost: costs.block(on: candidate))
            }
            routes = next
        }
        return
            routes
            .compactMap { $0 }
            .filter { self.mayLeave($0.last, before: blocks.upperBound) }
            .map { route in
                var route = route
                route.cost += costs.exit(from: route.last)
                return route
            }
            .min(by: <)
    }

    /// The cheapest chain that goes on to `candidate` at `block`: from a hop, or from the coordinator without `open`.
    private func entry(
        into candidate: Candidate,
        at block: Int,
        after open: [Route]?,
        _ costs: RouteCost
    ) -> Route? {
        guard self.mayEnter(candidate, at: block), let blocks = try? BlockRange(block, block + 1) else { return nil }
        let hop = Hop(peer: candidate.peer, blocks: blocks)
        guard let open else {
            return Route(cost: costs.entry(into: candidate, at: block, from: nil), hops: [hop], last: candidate)
        }
        let cheapest =
            open.lazy
            .filter { $0.last != candidate }
            .map { (route: $0, cost: $0.cost + costs.entry(into: candidate, at: block, from: $0.last)) }
            .min { ($0.cost, $0.route.hops.count) < ($1.cost, $1.route.hops.count) }
        return cheapest.map { Route(cost: $0.cost, hops: $0.route.hops + [hop], last: candidate) }
    }

    /// A plain 1.0.0 peer always runs its whole range.
    private func mayEnter(_ candidate: Candidate, at block: Int) -> Bool {
        candidate.record.speaksStepExtension || block == candidate.record.range.lowerBound
    }

    private func mayLeave(_ candidate: Candidate, before block: Int) -> Bool {
        candidate.record.speaksStepExtension || block == candidate.record.range.upperBound
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
