import NIOCore
import P2PWire
import Testing

@testable import ShardProtocol

@Suite struct SignedNodeRecordTests {
    private let now = NodeRecordTests.now

    private func signed(seed: UInt8 = 1, sequence: UInt64 = 7, expiry: UnixTime? = nil) throws -> SignedNodeRecord {
        SignedNodeRecord(
            try NodeRecordTests.record(sequence: sequence, expiry: expiry),
            by: try Identity(seed: [UInt8](repeating: seed, count: 32))
        )
    }

    @Test func `writes the published bytes and verifies them`() throws {
        let signed = try self.signed()
        #expect(ByteBuffer(bytes: signed.envelope) == (try Golden.bytes("node-record-envelope")))
        #expect(try SignedNodeRecord(verifying: signed.envelope, now: self.now) == signed)
    }

    @Test func `a changed byte anywhere is noticed`() throws {
        let envelope = try self.signed().envelope
        for index in envelope.indices {
            var changed = envelope
            changed[index] ^= 1
            #expect(throws: ShardError.self) { try SignedNodeRecord(verifying: changed, now: self.now) }
        }
    }

    @Test func `an envelope of another kind is not a node record`() throws {
        let other = SignedEnvelope.seal(
            payload: Array(try NodeRecordTests.record().encoded().readableBytesView),
            payloadType: SignedNodeRecord.payloadType,
            domain: "libp2p-peer-record",
            by: try Identity(seed: [UInt8](repeating: 1, count: 32))
        )
        #expect(throws: ShardError.self) { try SignedNodeRecord(verifying: other.bytes, now: self.now) }
    }

    @Test func `five minutes of clock skew are tolerated, not more`() throws {
        let expiry = self.now.advanced(bySeconds: 1800)
        let envelope = try self.signed(expiry: expiry).envelope
        let late = expiry.advanced(bySeconds: Limits.clockSkewSeconds)
        #expect(throws: Never.self) { try SignedNodeRecord(verifying: envelope, now: late) }
        #expect(throws: ShardError.self) { try SignedNodeRecord(verifying: envelope, now: late.advanced(bySeconds: 1)) }
    }

    @Test func `a record may not promise to hold for longer than its bound`() throws {
        let bound = self.now.advanced(bySeconds: Limits.recordLifetimeSeconds + Limits.clockSkewSeconds)
        #expect(throws: Never.self) {
            try SignedNodeRecord(verifying: self.signed(expiry: bound).envelope, now: self.now)
        }
        #expect(throws: ShardError.self) {
            try SignedNodeRecord(verifying: self.signed(expiry: bound.advanced(bySeconds: 1)).envelope, now: self.now)
        }
    }

    @Test func `the highest sequence of a peer holds`() throws {
        let records = [try self.signed(sequence: 8), try self.signed(sequence: 9), try self.signed(sequence: 7)]
        let latest = records.latestByPeer()
        #expect(latest.count == 1)
        #expect(latest.values.first?.record.sequence == 9)
    }
}
