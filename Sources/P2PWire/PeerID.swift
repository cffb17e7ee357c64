/// Who a peer is: the multihash of its public key (libp2p specification, peer-ids).
///
/// A key of at most 42 bytes stands in the id itself, a longer one as its SHA-256 digest.
public struct PeerID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The multihash: `00 length key` or `12 20 digest`.
    public let bytes: [UInt8]

    /// Takes a binary multihash of one of the two kinds that peer ids have.
    public init(bytes: some Collection<UInt8>) throws(WireError) {
        let multihash = Array(bytes.prefix(Limits.inlineKeyLength + 3))
        guard multihash.count >= 2, Int(multihash[1]) == multihash.count - 2 else {
            throw WireError(.malformed, "a peer id is not a multihash")
        }
        switch (multihash[0], multihash[1]) {
        case (0x00, 1...UInt8(Limits.inlineKeyLength)), (0x12, 32):
            self.bytes = multihash
        default:
            throw WireError(.malformed, "a peer id is neither a key of at most 42 bytes nor a SHA-256 digest")
        }
    }

    /// Takes the text of a peer id: base58btc ("12D3Koo…", "Qm…") or a CIDv1 in base32, base36 or base58btc
    /// ("bafz…", "k…", "z…").
    public init(_ text: String) throws(WireError) {
        let characters = Array(text.utf8)
        guard characters.count <= Limits.peerIDTextLength else {
            throw WireError(
                .tooLarge,
                "a peer id of \(characters.count) characters; none has more than \(Limits.peerIDTextLength)"
            )
        }
        if characters.first == UInt8(ascii: "1") || text.hasPrefix("Qm") {
            guard let bytes = Multibase.bytes(base58btc: characters), let id = try? PeerID(bytes: bytes) else {
                throw Self.unreadable(text)
            }
            self = id
            return
        }
        // CID version 1, codec libp2p-key.
        guard let cid = Multibase.bytes(text), cid.starts(with: [0x01, 0x72]),
            let id = try? PeerID(bytes: cid.dropFirst(2))
        else { throw Self.unreadable(text) }
        self = id
    }

    /// The id of the key whose protobuf encoding is `encodedKey`.
    init(encodedKey: [UInt8]) {
        if encodedKey.count <= Limits.inlineKeyLength {
            self.bytes = [0x00, UInt8(encodedKey.count)] + encodedKey
        } else {
            self.bytes = [0x12, 0x20] + SHA256.digest(encodedKey)
        }
    }

    /// The key that the id carries, where it is short enough to be carried and well formed.
    package var publicKey: PublicKey? {
        self.bytes[0] == 0x00 ? try? PublicKey(protobuf: self.bytes.dropFirst(2)) : nil
    }

    /// Base58btc, which every implementation reads.
    public var description: String { Multibase.base58btc(self.bytes) }

    public static func < (a: PeerID, b: PeerID) -> Bool {
        a.bytes.lexicographicallyPrecedes(b.bytes)
    }

    private static func unreadable(_ text: String) -> WireError {
        WireError(
            .malformed,
            """
            "\(text)" is not a peer id; one is 52 characters that begin with 12D3KooW, or 46 that begin with Qm \
            (`kwaai-swift id` prints this machine's): is a part of it missing?
            """
        )
    }
}
