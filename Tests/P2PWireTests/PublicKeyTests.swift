import Testing

@testable import P2PWire

/// Keys of the libp2p specification, peer-ids, "Test vectors".
private enum Vector {
    static let ecdsa = """
        0803125b3059301306072a8648ce3d020106082a8648ce3d03010703420004de3d300fa36ae0e8f5d530899d83abab44abf3161f\
        162a4bc901d8e6ecda020e8b6d5f8da30525e71d6851510c098e5c47c646a597fb4dcec034e9f77c409e62
        """
    static let ed25519 = "080112201ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e"
    static let secp256k1 = "08021221037777e994e452c21604f91de093ce415f5432f701dd8cd1a7a6fea0e630bfca99"
    static let rsa = """
        080012a60430820222300d06092a864886f70d01010105000382020f003082020a0282020100e1beab071d08200bde24eef00d04\
        9449b07770ff9910257b2d7d5dda242ce8f0e2f12e1af4b32d9efd2c090f66b0f29986dbb645dae9880089704a94e5066d594162\
        ae6ee8892e6ec70701db0a6c445c04778eb3de1293aa1a23c3825b85c6620a2bc3f82f9b0c309bc0ab3aeb1873282bebd3da03c3\
        3e76c21e9beb172fd44c9e43be32e2c99827033cf8d0f0c606f4579326c930eb4e854395ad941256542c793902185153c474bed1\
        09d6ff5141ebf9cd256cf58893a37f83729f97e7cb435ec679d2e33901d27bb35aa0d7e20561da08885ef0abbf8e2fb48d6a5487\
        047a9ecb1ad41fa7ed84f6e3e8ecd5d98b3982d2a901b4454991766da295ab78822add5612a2df83bcee814cf50973e80d7ef381\
        11b1bd87da2ae92438a2c8cbcc70b31ee319939a3b9c761dbc13b5c086d6b64bf7ae7dacc14622375d92a8ff9af7eb962162bbdd\
        ebf90acb32adb5e4e4029f1c96019949ecfbfeffd7ac1e3fbcc6b6168c34be3d5a2e5999fcbb39bba7adbca78eab09b9bc39f7fa\
        4b93411f4cc175e70c0a083e96bfaefb04a9580b4753c1738a6a760ae1afd851a1a4bdad231cf56e9284d832483df215a46c1c21\
        bdf0c6cfe951c18f1ee4078c79c13d63edb6e14feaeffabc90ad317e4875fe648101b0864097e998f0ca3025ef9638cd2b0caecd\
        3770ab54a1d9c6ca959b0f5dcbc90caeefc4135baca6fd475224269bbe1b0203010001
        """
    static let all = [ecdsa, ed25519, secp256k1, rsa]
}

/// Signatures over "kwaai-swift", made by the `openssl` command with the private keys of the same test vectors.
private enum Signed {
    static let ecdsa = """
        304502200642a9af826c5f4da2b062957e383337922a4fdf188985e274c4148b09586635022100f9a0f459c6fd040086a57c3090\
        e4b58bfbe67759a55c096747247110278f4e54
        """
    static let secp256k1 = """
        3045022100e34176ea135d91f2126226856c71d942cabfb74b52d6564b858b380bc6d4c70a02206ea297434ee6db5e55c8cd41f3\
        9ad7943acff2f923d1edee103dfdbae3ce640b
        """
    static let rsa = """
        2b233396b611cfab53fc0eeb4cc058b3b7552fa07d50dfc256d22445bfb48bca04d1e42b34a326dd3622c709fd9c87116e4c6aa7\
        ef39e6fafe6a3a3379c38224a7d5763fdbe85b8ded1e77385f47b1656cd7de97c236d5a0f1db6e487def8d5b0586f399d20cffdc\
        99e5edb1e1a7e23ab7cbabbda8a3f2b828cb111964b3bedf9f57b5227b779d5165e1018318670d87087a18c978645eccb28b16ad\
        598a9bd06828d521a3c2ffcfeb45f94536bec950d3c6050d01901a4fe0b58458ca494a9479a4685d865faaac91ae60cfe1a2cdba\
        67b8b75704a8fdbc7a2c857b46ea5e09d5c663c53c7df1ee2e4f255c81b923835f1329a36e5120900c187e890f00be7ae29c4430\
        184b0e6997c063acdfec53fe32f661b2a4dbb20c6febbb88142bd42d6bd708fb598075cf434c0ab40b63e55901b4f8ad829e1b40\
        5793e301b253e0b208dc4fb4be2ed8a13c60089bcbc7bc865d8b1335c8f6f096adff38a8f8ac03c3fe2c4fdd0644b9b099eed58d\
        51eebc0b5f68940385a7ed650d2b0a80e3a524a183269e5f73e2bdb86e4112bdd7dbd36ab550c9c4d9ebece2fae2cee86051a43a\
        e12089322334bd6bda19fd645e23f7bf86eb72a1e0afa51a0dfaa736a05fbdbeb5eb27b1384f44084b310df35bd300739096b64c\
        529b90e9110692a7c0b3b2a94e16f59ec15a5720a388e2a3f0fc78aa0f0eb9b864e48d8a92f34da304be22fe
        """
    /// A key of 1024 bits.
    static let shortRSA = """
        080012a20130819f300d06092a864886f70d010101050003818d0030818902818100d867a8f7b6d34cd17cbfd25442c15110d6a6\
        3629b849a988108b4ead47b14741beb6206624dd18db4ac31b1f27deec0e0a60c584fdbc3a074dae06168101c083ed7a93d0f35e\
        8e705d03bbec860b4483c51899c71919b3da16a2f8bfc55a1f9b74cf7b615f4417b7e6d5a975250dc9e64c07da1d416f6c0e9bd7\
        1e9caaa68e2b0203010001
        """
}

@Suite struct PublicKeyTests {
    @Test(arguments: Vector.all)
    func `encodes a published key as it was published`(encoding: String) throws {
        let key = try PublicKey(protobuf: bytes(hex: encoding))
        #expect(hex(key.protobuf) == encoding)
        #expect(try PeerID(key.peerID.description) == key.peerID)
    }

    @Test func `carries short keys in the peer id and hashes long ones`() throws {
        let ids = try Vector.all.map { try PublicKey(protobuf: bytes(hex: $0)).peerID }
        #expect(ids.map { $0.description.hasPrefix("Qm") } == [true, false, false, true])
        #expect(ids.map { $0.publicKey != nil } == [false, true, true, false])
        #expect(ids[2].publicKey?.kind == .secp256k1)
    }

    @Test(arguments: [
        (Vector.ecdsa, Signed.ecdsa), (Vector.secp256k1, Signed.secp256k1), (Vector.rsa, Signed.rsa),
    ])
    func `verifies what OpenSSL signed with each kind of key`(encoding: String, signature: String) throws {
        let key = try PublicKey(protobuf: bytes(hex: encoding))
        let message = Array("kwaai-swift".utf8)
        var signature = bytes(hex: signature)
        #expect(key.isValidSignature(signature, for: message))
        #expect(!key.isValidSignature(signature, for: message + [0]))
        #expect(!key.isValidSignature([], for: message))
        signature[signature.count / 2] ^= 1
        #expect(!key.isValidSignature(signature, for: message))
    }

    @Test func `refuses an RSA key that is too short`() {
        #expect(throws: WireError.self) { try PublicKey(protobuf: bytes(hex: Signed.shortRSA)) }
    }

    @Test(arguments: Vector.all)
    func `refuses a key cut short anywhere, and bytes behind it`(encoding: String) throws {
        let whole = bytes(hex: encoding)
        for length in whole.indices {
            #expect(throws: WireError.self) { try PublicKey(protobuf: whole[..<length]) }
        }
        let key = try PublicKey(protobuf: whole)
        #expect(throws: WireError.self) { try PublicKey(kind: key.kind, data: key.data + [0]) }
    }

    @Test func `refuses a key under the name of another kind`() throws {
        let rsa = try PublicKey(protobuf: bytes(hex: Vector.rsa))
        #expect(throws: WireError.self) { try PublicKey(kind: .ecdsa, data: rsa.data) }
        let ecdsa = try PublicKey(protobuf: bytes(hex: Vector.ecdsa))
        #expect(throws: WireError.self) { try PublicKey(kind: .rsa, data: ecdsa.data) }
    }

    @Test func `refuses a key beyond the bound`() {
        let header: [UInt8] = [0x08, 0x00, 0x12]
        let length = Limits.publicKeyLength - 5
        let atBound = header + UVarint.encoded(UInt64(length)) + [UInt8](repeating: 0x30, count: length)
        #expect(atBound.count == Limits.publicKeyLength)
        #expect { try PublicKey(protobuf: atBound) } throws: { ($0 as? WireError)?.code == .malformed }
        #expect { try PublicKey(protobuf: atBound + [0]) } throws: { ($0 as? WireError)?.code == .tooLarge }
    }

    @Test func `gives one id to a key, however its fields were ordered`() throws {
        let key = bytes(hex: Vector.ed25519)
        let reordered = key[2...] + key[..<2]
        #expect(try PublicKey(protobuf: reordered).peerID == PublicKey(protobuf: key).peerID)
    }
}
