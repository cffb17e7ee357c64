package import P2PWire
package import ShardProtocol

/// When a search for the holders of a model's blocks has found enough of them to plan with, so that it need not ask
/// everybody (DESIGN.md §4).
///
/// Only those count who may stand in the chain: with a liar, or a peer that was just lost, a block has no second holder.
package struct HolderSearch: Sendable {
    package var blockCount: Int
    /// Peers that failed lately, or that the chain is to do without.
    package var discounted: Set<PeerID>
    /// With whose weights they are to agree; nil where any will do.
    package var matching: NodeRecord?

    package init(blockCount: Int, discounted: Set<PeerID> = [], matching: NodeRecord? = nil) {
        self.blockCount = blockCount
        self.discounted = discounted
        self.matching = matching
    }

    /// Whether each block has `Limits.holdersPerBlock` holders that are online and of the same weights.
    package func isEnough(_ found: some Sequence<(peer: PeerID, record: NodeRecord)>) -> Bool {
        var holders: [Lineage: [Int]] = [:]
        for (peer, record) in found where record.state == .online && !self.discounted.contains(peer) {
            guard self.matching?.agrees(with: record) ?? true else { continue }
            let lineage = Lineage(record)
            var counts = holders[lineage] ?? [Int](repeating: 0, count: self.blockCount)
            for block in record.range.indices.clamped(to: counts.indices) { counts[block] += 1 }
            holders[lineage] = counts
        }
        return holders.values.contains { counts in counts.allSatisfy { $0 >= Limits.holdersPerBlock } }
    }
}
