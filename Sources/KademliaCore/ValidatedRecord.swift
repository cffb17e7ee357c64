package import P2PWire

/// A value record that its namespace's rule has accepted (libp2p specification, kad-dht, "Entry validation").
///
/// Keys of other namespaces are refused: a store that takes anything is anybody's free storage.
package enum ValidatedRecord: Equatable, Sendable {
    /// `/pk/` and the bytes of a peer id: that peer's public key in protobuf.
    case publicKey
    /// `/v/<peer id>/<name>`: see `SignedValue`.
    case signedValue(SignedValue)

    package init(_ record: Record) throws(KademliaError) {
        guard record.key.count <= Limits.keySize, record.value.count <= Limits.valueSize else {
            throw KademliaError(
                .tooLarge,
                "records have at most \(Limits.keySize) bytes of key and \(Limits.valueSize) of value"
            )
        }
        if record.key.starts(with: "/pk/".utf8) {
            guard let key = try? PublicKey(protobuf: record.value),
                record.key.dropFirst(4).elementsEqual(key.peerID.bytes)
            else {
                throw KademliaError(.invalidRecord, "the value is not the public key of the peer id in its key")
            }
            self = .publicKey
        } else if record.key.starts(with: "/v/".utf8) {
            self = .signedValue(try SignedValue(record))
        } else {
            throw KademliaError(.unknownNamespace, "keys start with /pk/ or /v/; use dht put with one of these")
        }
    }

    /// Whether this record counts, when `other` with the same key is known as well.
    package func supersedes(_ other: ValidatedRecord) -> Bool {
        switch (self, other) {
        case (.signedValue(let new), .signedValue(let old)): new.supersedes(old)
        case (.publicKey, .publicKey), (.publicKey, .signedValue), (.signedValue, .publicKey): false
        }
    }

    /// Who signed it, where somebody did.
    package var signer: PeerID? {
        switch self {
        case .signedValue(let value): value.name.peer
        case .publicKey: nil
        }
    }
}
