import Testing

@testable import P2PWire

@Suite struct PeerRecordTests {
    private let identity = Identity()

    private func record() throws -> PeerRecord {
        PeerRecord(
            peerID: self.identity.peerID,
            sequence: 1_700_000_000_000_000_000,
            addresses: [try Multiaddr("/ip4/1.2.3.4/tcp/1"), try Multiaddr("/ip6/::1/tcp/2")]
        )
    }

    @Test func `comes out of its envelope as it went in`() throws {
        let envelope = try SignedEnvelope(bytes: self.record().seal(by: self.identity).bytes)
        #expect(try PeerRecord(opening: envelope) == self.record())
    }

    /// Made from the fields by hand and signed by the `openssl` command with the key of seed "kw1".
    @Test func `seals to the bytes that the specification gives`() throws {
        let identity = try Identity(seed: SHA256.digest("kw1".utf8))
        let record = PeerRecord(
            peerID: identity.peerID,
            sequence: 7,
            addresses: [try Multiaddr("/ip4/1.2.3.4/tcp/4801")]
        )
        let golden = """
            0a2408011220380983fbd5e6b437a3344cc5918266baf8c566d1209efc44ad2dae6cb309e145120203011a360a2600\
            2408011220380983fbd5e6b437a3344cc5918266baf8c566d1209efc44ad2dae6cb309e14510071a0a0a0804010203\
            040612c12a404f03b25a2da00b3b5ee727fe674462c2e9b4106b5772a71154d6fb228ea97849d44978e253a9d3c170\
            bda669d4f70de3b56d4475e1844f0ffb91b41371208402
            """
        #expect(hex(record.seal(by: identity).bytes) == golden)
        #expect(try PeerRecord(opening: SignedEnvelope(bytes: bytes(hex: golden))) == record)
    }

    @Test func `refuses one that another peer signed`() throws {
        let envelope = try self.record().seal(by: Identity())
        #expect { try PeerRecord(opening: envelope) } throws: { ($0 as? WireError)?.code == .badSignature }
    }

    @Test func `takes the legacy form that rust-libp2p also makes`() throws {
        // peer_id, seq 7, one address: the message of RFC 0003.
        let id = self.identity.peerID.bytes
        let address = try Multiaddr("/ip4/1.2.3.4/tcp/1").bytes
        let payload =
            [0x0a, UInt8(id.count)] + id + [0x10, 7]
            + [0x1a, UInt8(address.count + 2), 0x0a, UInt8(address.count)] + address
        let envelope = SignedEnvelope.seal(
            payload: payload,
            payloadType: Array("/libp2p/routing-state-record".utf8),
            domain: "libp2p-routing-state",
            by: self.identity
        )
        let record = try PeerRecord(opening: envelope)
        #expect(record.sequence == 7 && record.addresses.map(\.description) == ["/ip4/1.2.3.4/tcp/1"])
    }

    @Test func `an envelope of something else is refused`() {
        let envelope = SignedEnvelope.seal(payload: [1], payloadType: [3, 2], domain: "x", by: self.identity)
        #expect(throws: WireError.self) { try PeerRecord(opening: envelope) }
    }
}
