package import P2PWire

/// A value that a peer published under a name of its own: what a record under `/v/<peer id>/<name>` holds.
///
/// The record's key is the text `/v/`, the peer id in base58btc, `/`, and a name of 1 to 64 of the characters
/// `A–Z a–z 0–9 . _ -`. The record's value is a signed envelope (libp2p RFC 0002) of that peer's key with
///
///     domain        kwaai-value
///     payload type  the 14 bytes "/kwaai/value/1"
///     payload       sequence    8 bytes, unsigned, big-endian
///                   key length  unsigned varint
///                   key         the record's key, so that a value cannot be moved to another name
///                   value       the rest
///
/// Of two valid records the one with the higher sequence counts; of two with the same, the one whose value is greater
/// in byte order, so that all holders agree whatever order they learn them in.
package struct SignedValue: Equatable, Sendable {
    package static let domain = "kwaai-value"
    package static let payloadType = Array("/kwaai/value/1".utf8)

    package var name: Name
    package var sequence: UInt64
    package var value: [UInt8]

    package init(name: Name, sequence: UInt64, value: [UInt8]) {
        self.name = name
        self.sequence = sequence
        self.value = value
    }

    /// Who publishes, and under what name.
    package struct Name: Hashable, Sendable {
        package let peer: PeerID
        package let name: String

        package init(peer: PeerID, name: String) throws(KademliaError) {
            let allowed = name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
            guard allowed, (1...64).contains(name.utf8.count) else {
                throw KademliaError(.invalidRecord, "a value's name has 1 to 64 of the characters A-Z a-z 0-9 . _ -")
            }
            self.peer = peer
            self.name = name
        }

        /// Reads a record's key. Only the peer id's own spelling is taken: one name has one key.
        package init(recordKey: [UInt8]) throws(KademliaError) {
            let parts = recordKey.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            guard parts.count == 4, parts[0].isEmpty, parts[1].elementsEqual("v".utf8),
                let peer = try? PeerID(String(decoding: parts[2], as: UTF8.self)),
                parts[2].elementsEqual(peer.description.utf8)
            else {
                throw KademliaError(.invalidRecord, "a value's key is /v/<peer id in base58>/<name>")
            }
            try self.init(peer: peer, name: String(decoding: parts[3], as: UTF8.self))
        }

        package var recordKey: [UInt8] {
            Array("/v/\(self.peer)/\(self.name)".utf8)
        }
    }

    // MARK: Sealing

    /// The record's value: this value signed by `identity`, whose peer id must stand in the name.
    package func sealed(by identity: Identity) throws(KademliaError) -> [UInt8] {
        guard identity.peerID == self.name.peer else {
            throw KademliaError(.invalidRecord, "only \(self.name.peer) can publish under its own name")
        }
        let envelope = SignedEnvelope.seal(
            payload: self.payload,
            payloadType: Self.payloadType,
            domain: Self.domain,
            by: identity
        )
        guard envelope.bytes.count <= Limits.valueSize else {
            throw KademliaError(
                .tooLarge,
                "a value of \(self.value.count) bytes is too long; signed it may have \(Limits.valueSize)"
            )
        }
        return envelope.bytes
    }

    private var payload: [UInt8] {
        let key = self.name.recordKey
        let sequence = (0..<8).reversed().map { UInt8(truncatingIfNeeded: self.sequence >> (8 * UInt64($0))) }
        return sequence + UVarint.encoded(UInt64(key.count)) + key + self.value
    }

    // MARK: Opening

    /// Reads and verifies a record.
    package init(_ record: Record) throws(KademliaError) {
        let name = try Name(recordKey: record.key)
        let signer: PublicKey
        let payload: [UInt8]
        do {
            (signer, payload) = try SignedEnvelope(bytes: record.value)
                .open(domain: Self.domain, payloadType: Self.payloadType)
        } catch {
            throw KademliaError(.invalidRecord, "the value is not a signed envelope: \(error.message)")
        }
        guard signer.peerID == name.peer else {
            throw KademliaError(.invalidRecord, "the value is signed by another peer than its key names")
        }
        guard payload.count > 8, let (length, lengthSize) = try? UVarint.decode(payload.dropFirst(8)),
            payload.dropFirst(8 + lengthSize).prefix(record.key.count).elementsEqual(record.key),
            length == UInt64(record.key.count)
        else {
            throw KademliaError(.invalidRecord, "the signed value belongs to another key")
        }
        self.name = name
        self.sequence = payload.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
        self.value = Array(payload.dropFirst(8 + lengthSize + record.key.count))
    }

    /// Whether this one counts, when `other` is known as well.
    package func supersedes(_ other: SignedValue) -> Bool {
        if self.sequence != other.sequence { return self.sequence > other.sequence }
        return other.value.lexicographicallyPrecedes(self.value)
    }
}
