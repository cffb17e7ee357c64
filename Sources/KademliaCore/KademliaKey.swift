package import P2PWire

/// A point in Kademlia's space of 256-bit numbers: the SHA-256 of a peer id's bytes or of a record's key
/// (libp2p specification, kad-dht, "Distance").
///
/// Four words instead of 32 bytes, the most significant first: lookups compare millions of them.
package struct KademliaKey: Hashable, Sendable {
    package let words: SIMD4<UInt64>

    package init(words: SIMD4<UInt64>) {
        self.words = words
    }

    /// The point of a peer id.
    package init(_ peer: PeerID) {
        self.init(hashing: peer.bytes)
    }

    /// The point of any bytes that are looked up: a multihash, a record's key, or a peer id's bytes.
    package init(hashing bytes: [UInt8]) {
        self.init(digest: SHA256.digest(bytes))
    }

    private init(digest: [UInt8]) {
        var words = SIMD4<UInt64>()
        for (index, byte) in digest.prefix(32).enumerated() {
            words[index / 8] = words[index / 8] << 8 | UInt64(byte)
        }
        self.words = words
    }

    package func distance(to other: KademliaKey) -> Distance {
        Distance(words: self.words ^ other.words)
    }

    /// The number of leading bits that two points share, 0...256.
    package func commonPrefixLength(with other: KademliaKey) -> Int {
        self.distance(to: other).leadingZeroBitCount
    }
}

/// The XOR of two points, ordered as a 256-bit unsigned number.
package struct Distance: Hashable, Comparable, Sendable {
    package let words: SIMD4<UInt64>

    package var leadingZeroBitCount: Int {
        for index in 0..<4 where self.words[index] != 0 {
            return index * 64 + self.words[index].leadingZeroBitCount
        }
        return 256
    }

    /// The distance of two points that stand at these distances from a third.
    package func difference(from other: Distance) -> Distance {
        Distance(words: self.words ^ other.words)
    }

    package static func < (left: Distance, right: Distance) -> Bool {
        for index in 0..<4 where left.words[index] != right.words[index] {
            return left.words[index] < right.words[index]
        }
        return false
    }
}
