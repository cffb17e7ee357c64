internal import NIOCore
public import P2PWire

/// A node record with the proof of who wrote it.
///
/// The proof travels with the record, so a peer may pass on what others said of themselves but cannot change it.
public struct SignedNodeRecord: Sendable, Hashable {
    /// Who signed it, and therefore whom it speaks of.
    public let peer: PeerID
    public let record: NodeRecord
    /// The signed envelope, as it travels.
    package let envelope: [UInt8]

    /// The envelope's domain (DESIGN.md §4).
    package static let domain = "kwaai-node-record"
    /// The envelope's payload type: the name of the protocol that carries it.
    package static let payloadType = Array("/kwaai/node/1.0.0".utf8)

    /// Signs a record of one's own.
    public init(_ record: NodeRecord, by identity: Identity) {
        self.peer = identity.peerID
        self.record = record
        self.envelope =
            SignedEnvelope.seal(
                payload: Array(record.encoded().readableBytesView),
                payloadType: Self.payloadType,
                domain: Self.domain,
                by: identity
            ).bytes
    }

    /// Verifies a record that came from elsewhere.
    ///
    /// - Throws: `ShardError` with `badRecord` when the signature is wrong or the record is expired or promises to hold
    ///   longer than `Limits.recordLifetimeSeconds`, 5 minutes of clock skew allowed; with `malformed`.
    package init(verifying envelope: [UInt8], now: UnixTime) throws(ShardError) {
        let signer: PublicKey
        let payload: [UInt8]
        do {
            let sealed = try SignedEnvelope(bytes: envelope)
            (signer, payload) = try sealed.open(domain: Self.domain, payloadType: Self.payloadType)
        } catch {
            throw ShardError(code: .badRecord, message: "a node record's signature does not hold: \(error.message)")
        }
        let record = try NodeRecord(decoding: ByteBuffer(bytes: payload))
        guard record.isBelievable(at: now) else {
            throw ShardError(
                code: .badRecord,
                message: "a node record of \(signer.peerID) is expired or from the future: check both clocks"
            )
        }
        self.peer = signer.peerID
        self.record = record
        self.envelope = envelope
    }

    /// Whether the record still holds, clock skew allowed.
    public func isFresh(at now: UnixTime) -> Bool {
        self.record.isFresh(at: now)
    }
}

extension NodeRecord {
    /// Whether it holds, and promises no more than records may, by a clock that is 5 minutes wrong at most.
    package func isBelievable(at now: UnixTime) -> Bool {
        let latest = now.advanced(bySeconds: Limits.recordLifetimeSeconds + Limits.clockSkewSeconds)
        return self.isFresh(at: now) && self.expiry <= latest
    }

    fileprivate func isFresh(at now: UnixTime) -> Bool {
        self.expiry.advanced(bySeconds: Limits.clockSkewSeconds) >= now
    }
}

extension Sequence where Element == SignedNodeRecord {
    /// One record for each peer: the one with the highest sequence.
    public func latestByPeer() -> [PeerID: SignedNodeRecord] {
        Dictionary(self.map { ($0.peer, $0) }) { known, other in
            other.record.sequence > known.record.sequence ? other : known
        }
    }
}
