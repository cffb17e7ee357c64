import CSodium

/// An X25519 key pair of a handshake; the static one is drawn per process or session and never stored.
package struct NoiseKeyPair: Sendable {
    package let publicKey: [UInt8]
    private let secret: [UInt8]

    /// A fresh random pair.
    package init() {
        self.init(secret: Sodium.randomBytes(count: Self.keyLength))
    }

    /// - Parameter secret: 32 bytes.
    package init(secret: [UInt8]) {
        precondition(secret.count == Self.keyLength)
        var publicKey = [UInt8](repeating: 0, count: Self.keyLength)
        _ = crypto_scalarmult_base(&publicKey, secret)
        self.secret = secret
        self.publicKey = publicKey
    }

    static let keyLength = 32

    /// - Throws: `malformed` for a key of low order, with which every secret would be the same.
    func sharedSecret(with remote: [UInt8]) throws(WireError) -> [UInt8] {
        var shared = [UInt8](repeating: 0, count: Self.keyLength)
        guard remote.count == Self.keyLength, crypto_scalarmult(&shared, self.secret, remote) == 0 else {
            throw WireError(.malformed, "the peer sent an unusable X25519 key")
        }
        return shared
    }
}
