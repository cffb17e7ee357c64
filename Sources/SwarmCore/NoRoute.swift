package import ShardProtocol

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
