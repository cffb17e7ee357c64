internal import P2PWire

/// The provider keys under which a node's blocks are found (DESIGN.md §4).
///
/// A key is the SHA-256 multihash of `/kwaai/<model key>/<segment>`; a segment is 8 blocks, so a reader of a 32-block
/// model needs 4 lookups and a node's range rarely touches more than a few.
public enum Announcement {
    /// Blocks of one segment.
    public static let segmentSize = 8

    /// The keys that a holder of `range` provides, lowest segment first.
    public static func keys(model: ModelKey, range: BlockRange) -> [[UInt8]] {
        let last = (range.upperBound - 1) / Self.segmentSize
        return (range.lowerBound / Self.segmentSize...last).map { Self.key(model: model, segment: $0) }
    }

    /// The keys that together find every block of a model.
    public static func keys(model: ModelKey, blockCount: Int) -> [[UInt8]] {
        (0..<(max(0, blockCount) + Self.segmentSize - 1) / Self.segmentSize).map { Self.key(model: model, segment: $0) }
    }

    /// 34 bytes: the multihash prefix of SHA-256, then the digest.
    package static func key(model: ModelKey, segment: Int) -> [UInt8] {
        [0x12, 0x20] + SHA256.digest("/kwaai/\(model)/\(segment)".utf8)
    }
}
