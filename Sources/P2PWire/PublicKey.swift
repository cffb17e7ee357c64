import CSodium
import SwiftProtobuf

/// The public half of a peer's identity, in the encoding that its peer id is derived from.
public struct PublicKey: Hashable, Sendable {
    /// The kinds of keys that libp2p knows, by their numbers on the wire.
    public enum Kind: UInt8, Sendable {
        case rsa = 0
        case ed25519 = 1
        case secp256k1 = 2
        case ecdsa = 3
    }

    public let kind: Kind
    /// 32 bytes for Ed25519, a compressed point for secp256k1, a DER SubjectPublicKeyInfo for RSA and ECDSA.
    package let data: [UInt8]

    /// Takes the protobuf encoding of a key, as peers send it, and checks that it is a usable key.
    public init(protobuf: some Collection<UInt8>) throws(WireError) {
        guard protobuf.count <= Limits.publicKeyLength else {
            throw WireError(
                .tooLarge,
                "a public key of \(protobuf.count) bytes; the limit is \(Limits.publicKeyLength)"
            )
        }
        guard let message = try? ProtoPublicKey(serializedBytes: Array(protobuf)) else {
            throw WireError(.malformed, "a public key is not encoded as libp2p encodes keys")
        }
        let kind: Kind =
            switch message.type {
            case .rsa: .rsa
            case .ed25519: .ed25519
            case .secp256K1: .secp256k1
            case .ecdsa: .ecdsa
            }
        try self.init(kind: kind, data: Array(message.data))
    }

    init(kind: Kind, data: [UInt8]) throws(WireError) {
        switch kind {
        case .ed25519:
            guard data.count == Int(crypto_sign_PUBLICKEYBYTES) else {
                throw WireError(.malformed, "an Ed25519 key of \(data.count) bytes instead of 32")
            }
        case .rsa, .secp256k1, .ecdsa:
            _ = try OpenSSLKey(kind: kind, data: data)
        }
        self.kind = kind
        self.data = data
    }

    /// An Ed25519 key that libsodium itself made.
    init(ed25519 data: [UInt8]) {
        self.kind = .ed25519
        self.data = data
    }

    /// The one encoding that is hashed into the peer id: fields in order, nothing else.
    public var protobuf: [UInt8] {
        [0x08, self.kind.rawValue, 0x12] + UVarint.encoded(UInt64(self.data.count)) + self.data
    }

    public var peerID: PeerID { PeerID(encodedKey: self.protobuf) }

    /// Whether the holder of this key made `signature` over `message`.
    public func isValidSignature(_ signature: [UInt8], for message: [UInt8]) -> Bool {
        switch self.kind {
        case .ed25519:
            signature.count == Int(crypto_sign_BYTES)
                && crypto_sign_verify_detached(signature, message, UInt64(message.count), self.data) == 0
        case .rsa, .secp256k1, .ecdsa:
            (try? OpenSSLKey(kind: self.kind, data: self.data))?.isValidSignature(signature, for: message) ?? false
        }
    }
}
