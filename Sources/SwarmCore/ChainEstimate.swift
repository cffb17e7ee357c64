package import P2PWire
package import ShardProtocol

/// What a step of one token is expected to take on a chain, by where the time goes.
package struct ChainEstimate: Hashable, Sendable {
    package struct Hop: Hashable, Sendable {
        package var peer: PeerID
        package var blocks: BlockRange
        package var compute: Duration
        /// Waiting on the peer for its turn.
        package var queue: Duration
        /// To the peer and, in a star or from the last hop, back, with what both ends do for that.
        package var network: Duration
        /// Whether steps on the peer have shown its speed; else it is the peer's own word.
        package var isMeasured: Bool
        /// Whether the peer says that it has room for the session's KV-cache.
        package var hasRoom: Bool
        /// Whether it stands here only because nobody else can.
        package var isBanned: Bool

        package var total: Duration { self.compute + self.queue + self.network }
    }

    package var hops: [Hop]

    package var compute: Duration { self.hops.reduce(.zero) { $0 + $1.compute } }
    package var queue: Duration { self.hops.reduce(.zero) { $0 + $1.queue } }
    package var network: Duration { self.hops.reduce(.zero) { $0 + $1.network } }
    package var total: Duration { self.compute + self.queue + self.network }
}

extension ChainPlanner {
    /// What `hops` are expected to take; those on peers that are no candidates are left out.
    package func estimate(_ hops: [Hop], among candidates: [Candidate]) -> ChainEstimate {
        let costs = RouteCost(routing: self.routing, kvBytesPerBlock: self.kvBytesPerBlock)
        let known = Dictionary(candidates.map { ($0.peer, $0) }) { $0.record.sequence > $1.record.sequence ? $0 : $1 }
        var estimate = ChainEstimate(hops: [])
        var previous: Candidate?
        for (index, hop) in hops.enumerated() {
            guard let candidate = known[hop.peer] else { continue }
            let back = index == hops.count - 1 ? costs.departure(from: candidate) : 0
            estimate.hops.append(
                ChainEstimate.Hop(
                    peer: hop.peer,
                    blocks: hop.blocks,
                    compute: .nanoseconds(hop.blocks.count * costs.block(on: candidate)),
                    queue: .nanoseconds(costs.queue(on: candidate)),
                    network: .nanoseconds(costs.distance(to: candidate, from: previous) + back + RouteCost.handling),
                    isMeasured: candidate.blockTime != nil,
                    hasRoom: costs.hasRoom(for: hop.blocks.count, on: candidate),
                    isBanned: candidate.strikes > 0
                )
            )
            previous = candidate
        }
        return estimate
    }
}
