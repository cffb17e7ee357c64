import P2PWire
import Testing

@testable import KademliaCore

@Suite struct KademliaKeyTests {
    /// The key pair of the seed SHA-256("kw1"), as go-libp2p, rust-libp2p and py-libp2p map it.
    @Test func `a peer id's point is the SHA-256 of its bytes`() throws {
        let peer = try PeerID("12D3KooWDb7R3ysGeFmNBsoQkHF7AMhvJUoVG17ZEkNzDzfmRWpC")
        let words: SIMD4<UInt64> = [
            0x228e_9b80_e5da_0c38, 0x6ee9_ad64_5e47_c0b7, 0x9e9c_a0bf_c492_071c, 0x3341_17a3_9ba8_218f,
        ]
        #expect(KademliaKey(peer).words == words)
        #expect(KademliaKey(hashing: peer.bytes) == KademliaKey(peer))
    }

    @Test func `distance is the XOR, ordered as one large number`() {
        let zero = KademliaKey(words: [0, 0, 0, 0])
        let low = KademliaKey(words: [0, 0, 0, .max])
        let high = KademliaKey(words: [0, 0, 1, 0])
        #expect(zero.distance(to: low) < zero.distance(to: high))
        #expect(!(zero.distance(to: high) < zero.distance(to: low)))
        #expect(low.distance(to: high).words == [0, 0, 1, .max])
        #expect(!(zero.distance(to: low) < zero.distance(to: low)))
    }

    @Test func `counts the leading bits that two points share`() {
        let zero = KademliaKey(words: [0, 0, 0, 0])
        #expect(zero.commonPrefixLength(with: KademliaKey(words: [1 << 63, 0, 0, 0])) == 0)
        #expect(zero.commonPrefixLength(with: KademliaKey(words: [0, 1 << 62, 0, 0])) == 65)
        #expect(zero.commonPrefixLength(with: KademliaKey(words: [0, 0, 0, 1])) == 255)
        #expect(zero.commonPrefixLength(with: zero) == 256)
    }
}
