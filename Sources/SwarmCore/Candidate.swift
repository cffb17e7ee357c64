package import P2PWire
package import ShardProtocol

/// A peer that may become a hop: what it says of itself, and how far away it is.
package struct Candidate: Hashable, Sendable {
    package var peer: PeerID
    package var record: NodeRecord
    /// The round trip from the coordinator; nil when it was not measured.
    package var roundTrip: Duration?

    package init(peer: PeerID, record: NodeRecord, roundTrip: Duration? = nil) {
        self.peer = peer
        self.record = record
        self.roundTrip = roundTrip
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

/// Why no chain covers the model.
package struct NoRoute: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Reason: Hashable, Sendable {
        /// No usable peer holds these blocks.
        case uncovered
        /// Every block is held, but by peers whose weights, formats or versions differ.
        case disagreement
        /// Every block is held, but by plain 1.0.0 peers, whose ranges can only be run whole, and do not tile.
        case untiled
    }

    package var reason: Reason
    /// The blocks to be served in order to close the gap, ascending, none touching another.
    package var missing: [BlockRange]

    package init(reason: Reason, missing: [BlockRange]) {
        self.reason = reason
        self.missing = missing
    }

    package var description: String {
        let ranges = self.missing.map(\.description).joined(separator: ", ")
        return switch self.reason {
        case .uncovered: "no online peer holds blocks \(ranges)"
        case .disagreement: "peers hold every block but of different weights, formats or versions; missing \(ranges)"
        case .untiled: "the peers' ranges cannot be cut and do not tile; missing \(ranges)"
        }
    }
}
