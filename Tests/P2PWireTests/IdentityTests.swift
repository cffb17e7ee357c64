import Testing

@testable import P2PWire

@Suite struct IdentityTests {
    /// The vector on which go-libp2p, rust-libp2p and py-libp2p agree: seed = SHA-256("kw1").
    @Test func `seed kw1 gives the id that other implementations give`() throws {
        let seed = SHA256.digest("kw1".utf8)
        #expect(hex(seed) == "bbab42431b6428bfd6516d08abffddb05a0cfe4b411378514355f34fed8e4cbb")
        let identity = try Identity(seed: seed)
        let key = "380983fbd5e6b437a3344cc5918266baf8c566d1209efc44ad2dae6cb309e145"
        #expect(hex(identity.publicKey.protobuf) == "08011220" + key)
        #expect(hex(identity.peerID.bytes) == "002408011220" + key)
        #expect(identity.peerID.description == "12D3KooWDb7R3ysGeFmNBsoQkHF7AMhvJUoVG17ZEkNzDzfmRWpC")
        let kademliaKey = "228e9b80e5da0c386ee9ad645e47c0b79e9ca0bfc492071c334117a39ba8218f"
        #expect(hex(SHA256.digest(identity.peerID.bytes)) == kademliaKey)
    }

    /// libp2p specification, peer-ids, "Test vectors".
    @Test func `reads the published private key and finds its public key`() throws {
        let privateKey = """
            080112407e0830617c4a7de83925dfb2694556b12936c477a0e1feb2e148ec9da60fee7d\
            1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e
            """
        let identity = try Identity(privateKeyProtobuf: bytes(hex: privateKey))
        let publicKey = "080112201ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e"
        #expect(hex(identity.publicKey.protobuf) == publicKey)
        #expect(hex(identity.privateKeyProtobuf) == privateKey)
    }

    @Test func `reads the old form with the public key twice, if both agree`() throws {
        let identity = Identity()
        let body = identity.privateKeyProtobuf.dropFirst(4)
        let old = [0x08, 0x01, 0x12, 0x60] + body + body.suffix(32)
        #expect(try Identity(privateKeyProtobuf: old).peerID == identity.peerID)
        var wrong = old
        wrong[wrong.count - 1] ^= 1
        #expect(throws: WireError.self) { try Identity(privateKeyProtobuf: wrong) }
    }

    @Test func `refuses a public key that is not the private key's`() {
        var bytes = Identity().privateKeyProtobuf
        bytes[40] ^= 1
        #expect(throws: WireError.self) { try Identity(privateKeyProtobuf: bytes) }
    }

    @Test func `refuses a seed of another length`() {
        #expect(throws: WireError.self) { try Identity(seed: [UInt8](repeating: 1, count: 31)) }
    }

    @Test func `signs so that only its own key verifies, and only what was signed`() {
        let identity = Identity()
        let signature = identity.signature(for: [1, 2, 3])
        #expect(identity.publicKey.isValidSignature(signature, for: [1, 2, 3]))
        #expect(!identity.publicKey.isValidSignature(signature, for: [1, 2, 4]))
        #expect(!Identity().publicKey.isValidSignature(signature, for: [1, 2, 3]))
        #expect(!identity.publicKey.isValidSignature([], for: [1, 2, 3]))
    }

    @Test func `never prints its key`() {
        let identity = Identity()
        var dumped = ""
        dump(identity, to: &dumped)
        #expect(!dumped.contains("seed") && !"\(identity)".contains("seed"))
        #expect("\(identity)" == "Identity(\(identity.peerID))")
    }
}
