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
        self.hold(found, atLeast: Limits.holdersPerBlock)
    }

    /// Whether each block of a range, or of the model, has a holder at all. A search whose time is over before that goes on
    /// for a while: those who were asked first may all have been made up by liars.
    package func covers(
        _ found: some Sequence<(peer: PeerID, record: NodeRecord)>,
        _ blocks: BlockRange? = nil
    ) -> Bool {
        self.hold(found, atLeast: 1, blocks)
    }

    private func hold(
        _ found: some Sequence<(peer: PeerID, record: NodeRecord)>,
        atLeast count: Int,
        _ blocks: BlockRange? = nil
    ) -> Bool {
        let wanted = (blocks?.indices ?? 0..<self.blockCount).clamped(to: 0..<self.blockCount)
        var holders: [Lineage: [Int]] = [:]
        for (peer, record) in found where record.state == .online && !self.discounted.contains(peer) {
            guard self.matching?.agrees(with: record) ?? true else { continue }
            let lineage = Lineage(record)
            var counts = holders[lineage] ?? [Int](repeating: 0, count: self.blockCount)
            for block in record.range.indices.clamped(to: wanted) { counts[block] += 1 }
            holders[lineage] = counts
        }
        return holders.values.contains { counts in counts[wanted].allSatisfy { $0 >= count } }
    }
}
