import COpenSSL

/// A key of the kinds that libsodium does not have, for as long as one signature is checked.
struct OpenSSLKey: ~Copyable {
    private let key: OpaquePointer

    /// The SubjectPublicKeyInfo of a compressed secp256k1 point up to the point itself.
    private static let secp256k1Header: [UInt8] = [
        0x30, 0x36, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
        0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a, 0x03, 0x22, 0x00,
    ]

    /// Reads a key and checks that it is of its kind and of a strength that is accepted.
    init(kind: PublicKey.Kind, data: [UInt8]) throws(WireError) {
        let information = kind == .secp256k1 ? Self.secp256k1Header + data : data
        guard let key = Self.parse(information) else {
            throw WireError(.malformed, "\(kind) key: the bytes are not a public key")
        }
        do throws(WireError) {
            try Self.check(key, kind: kind)
        } catch {
            EVP_PKEY_free(key)
            throw error
        }
        self.key = key
    }

    deinit { EVP_PKEY_free(self.key) }

    /// SHA-256 with PKCS #1 v1.5 for RSA, with a DER signature for the elliptic curves.
    borrowing func isValidSignature(_ signature: [UInt8], for message: [UInt8]) -> Bool {
        guard let context = EVP_MD_CTX_new() else { return false }
        defer {
            EVP_MD_CTX_free(context)
            // What failed stands in the thread's error queue, where the next caller would find it.
            ERR_clear_error()
        }
        return EVP_DigestVerifyInit(context, nil, EVP_sha256(), nil, self.key) == 1
            && EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
    }

    /// The key of a SubjectPublicKeyInfo, if all of `information` is one.
    private static func parse(_ information: [UInt8]) -> OpaquePointer? {
        information.withUnsafeBufferPointer { buffer in
            var cursor = buffer.baseAddress
            guard let key = d2i_PUBKEY(nil, &cursor, buffer.count) else {
                ERR_clear_error()
                return nil
            }
            guard let start = buffer.baseAddress, let cursor, cursor - start == buffer.count else {
                EVP_PKEY_free(key)
                return nil
            }
            return key
        }
    }

    private static func check(_ key: OpaquePointer, kind: PublicKey.Kind) throws(WireError) {
        let expectedType =
            switch kind {
            case .rsa: EVP_PKEY_RSA
            case .secp256k1, .ecdsa: EVP_PKEY_EC
            case .ed25519: EVP_PKEY_ED25519
            }
        guard EVP_PKEY_get_base_id(key) == expectedType else {
            throw WireError(.malformed, "\(kind) key: the bytes are a key of another kind")
        }
        let bits = Int(EVP_PKEY_get_bits(key))
        guard kind != .rsa || Limits.rsaBits.contains(bits) else {
            throw WireError(.unsupported, "an RSA key of \(bits) bits; \(Limits.rsaBits) are accepted")
        }
    }
}
