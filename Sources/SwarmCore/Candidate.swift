package import P2PWire
package import ShardProtocol

/// A peer that may become a hop: what it says of itself, and what the coordinator measured.
package struct Candidate: Hashable, Sendable {
    package var peer: PeerID
    package var record: NodeRecord
    /// The round trip from the coordinator, as a step of one token sees it; nil when it was not measured.
    package var roundTrip: Duration?
    /// What one token takes on one block, as steps for this coordinator have shown; nil as long as only the record's
    /// word is there.
    package var blockTime: Duration?
    /// How long a step waits on the peer for its turn.
    package var queue: Duration
    /// How often in a row the peer has failed, while it is banned for that; else 0 (``PeerBans``).
    package var strikes: Int

    package init(
        peer: PeerID,
        record: NodeRecord,
        roundTrip: Duration? = nil,
        blockTime: Duration? = nil,
        queue: Duration = .zero,
        strikes: Int = 0
    ) {
        self.peer = peer
        self.record = record
        self.roundTrip = roundTrip
        self.blockTime = blockTime
        self.queue = queue
        self.strikes = strikes
    }
}

/// A span on one peer.
package struct Hop: Hashable, Sendable {
    package var peer: PeerID
    package var blocks: BlockRange

    package init(peer: PeerID, blocks: BlockRange) {
        self.peer = peer
        self.blocks = blocks
    }
}
