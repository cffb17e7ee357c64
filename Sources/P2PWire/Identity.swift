import CSodium
import SwiftProtobuf

/// A peer's own key pair. Always Ed25519: its ids are short, its signatures cheap, and every libp2p verifies them.
public struct Identity: Sendable {
    public let publicKey: PublicKey
    /// 32 bytes, from which both keys follow.
    private let seed: [UInt8]
    /// 64 bytes, the seed and the public key, as libsodium wants them.
    private let secretKey: [UInt8]

    /// A fresh identity that nobody has had before.
    public init() {
        self.init(validSeed: Sodium.randomBytes(count: Int(crypto_sign_SEEDBYTES)))
    }

    /// The identity that follows from `seed`, 32 bytes that must be secret.
    public init(seed: [UInt8]) throws(WireError) {
        guard seed.count == Int(crypto_sign_SEEDBYTES) else {
            throw WireError(.malformed, "an Ed25519 seed of \(seed.count) bytes instead of 32")
        }
        self.init(validSeed: seed)
    }

    private init(validSeed seed: [UInt8]) {
        var publicBytes = [UInt8](repeating: 0, count: Int(crypto_sign_PUBLICKEYBYTES))
        var secretKey = [UInt8](repeating: 0, count: Int(crypto_sign_SECRETKEYBYTES))
        crypto_sign_seed_keypair(&publicBytes, &secretKey, seed)
        self.publicKey = PublicKey(ed25519: publicBytes)
        self.seed = seed
        self.secretKey = secretKey
    }

    public var peerID: PeerID { self.publicKey.peerID }

    /// The 64-byte signature over `message`.
    public func signature(for message: [UInt8]) -> [UInt8] {
        var signature = [UInt8](repeating: 0, count: Int(crypto_sign_BYTES))
        crypto_sign_detached(&signature, nil, message, UInt64(message.count), self.secretKey)
        return signature
    }

    /// The form in which libp2p keeps keys in files: type, then seed and public key.
    package var privateKeyProtobuf: [UInt8] {
        [0x08, PublicKey.Kind.ed25519.rawValue, 0x12, 0x40] + self.seed + self.publicKey.data
    }

    /// Takes the form in which libp2p keeps keys in files, the old one with the public key twice included.
    package init(privateKeyProtobuf: some Collection<UInt8>) throws(WireError) {
        guard let message = try? ProtoPrivateKey(serializedBytes: Array(privateKeyProtobuf)) else {
            throw WireError(.malformed, "the bytes are not a private key as libp2p keeps them")
        }
        guard message.type == .ed25519 else {
            throw WireError(.unsupported, "a private key of another kind than Ed25519")
        }
        let data = Array(message.data)
        guard data.count == 64 || data.count == 96 else {
            throw WireError(.malformed, "an Ed25519 private key of \(data.count) bytes instead of 64")
        }
        self.init(validSeed: Array(data[..<32]))
        guard data[32..<64].elementsEqual(self.publicKey.data), data[64...].isEmpty || data[64...] == data[32..<64]
        else {
            throw WireError(.malformed, "the public key beside the private key is not its own")
        }
    }
}

// A key must not reach a log because somebody printed a configuration.
extension Identity: CustomStringConvertible, CustomReflectable {
    public var description: String { "Identity(\(self.peerID))" }
    public var customMirror: Mirror { Mirror(self, children: ["peerID": self.peerID]) }
}
