import COpenSSL

/// The CipherState of the Noise specification (§5.1) over ChaCha20-Poly1305: one key and its counting nonce.
///
/// A copy would use a nonce twice, so it cannot be copied. It owns one OpenSSL context for its whole life, because
/// making one costs more than encrypting a small message.
package struct CipherState: ~Copyable, @unchecked Sendable {
    package static let keyLength = 32
    package static let tagLength = 16

    private let context: OpaquePointer
    private var nonce: UInt64 = 0

    /// - Parameter key: 32 bytes.
    package init(key: [UInt8]) {
        precondition(key.count == Self.keyLength)
        guard let context = EVP_CIPHER_CTX_new() else {
            preconditionFailure("OpenSSL has no memory for a cipher context")
        }
        let isReady = EVP_EncryptInit_ex(context, EVP_chacha20_poly1305(), nil, key, nil)
        precondition(isReady == 1, "this OpenSSL lacks ChaCha20-Poly1305; use version 1.1.0 or later")
        self.context = context
    }

    deinit {
        EVP_CIPHER_CTX_free(self.context)
    }

    /// Encrypts in place and appends the tag.
    ///
    /// - Parameter bytes: The plaintext with ``tagLength`` bytes of room behind it.
    package mutating func seal(_ bytes: UnsafeMutableRawBufferPointer, authenticating data: [UInt8] = [])
        throws(WireError)
    {
        let length = bytes.count - Self.tagLength
        guard length >= 0, let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else {
            preconditionFailure("no room for the tag")
        }
        try self.withNextNonce { context, nonce in
            var written: Int32 = 0
            return EVP_EncryptInit_ex(context, nil, nil, nil, nonce) == 1
                && (data.isEmpty || EVP_EncryptUpdate(context, nil, &written, data, Int32(data.count)) == 1)
                && EVP_EncryptUpdate(context, base, &written, base, Int32(length)) == 1
                && EVP_EncryptFinal_ex(context, base + length, &written) == 1
                && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagLength), base + length) == 1
        }
    }

    /// Decrypts into `plaintext`, which has room for the ciphertext without its tag and may begin where that begins.
    ///
    /// - Throws: `badSignature` when the tag does not verify; the connection cannot go on.
    package mutating func open(
        _ ciphertext: UnsafeRawBufferPointer,
        into plaintext: UnsafeMutableRawBufferPointer,
        authenticating data: [UInt8] = []
    ) throws(WireError) {
        let length = ciphertext.count - Self.tagLength
        guard length >= 0, let base = ciphertext.baseAddress?.assumingMemoryBound(to: UInt8.self) else {
            throw WireError(
                .malformed,
                "the peer sent a Noise message of \(ciphertext.count) bytes, too short for its tag"
            )
        }
        precondition(plaintext.count >= length)
        let output = plaintext.baseAddress?.assumingMemoryBound(to: UInt8.self)
        let tag = UnsafeMutableRawPointer(mutating: base + length)
        try self.withNextNonce { context, nonce in
            var written: Int32 = 0
            var last: UInt8 = 0
            return EVP_DecryptInit_ex(context, nil, nil, nil, nonce) == 1
                && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Int32(Self.tagLength), tag) == 1
                && (data.isEmpty || EVP_DecryptUpdate(context, nil, &written, data, Int32(data.count)) == 1)
                && (length == 0 || EVP_DecryptUpdate(context, output, &written, base, Int32(length)) == 1)
                && EVP_DecryptFinal_ex(context, &last, &written) == 1
        }
    }

    /// Runs one operation under 4 zero bytes and the counter in little-endian (§12.3), and counts.
    private mutating func withNextNonce(_ operation: (OpaquePointer, UnsafePointer<UInt8>) -> Bool) throws(WireError) {
        guard self.nonce < .max else {
            throw WireError(.tooLarge, "the nonces of this connection are used up; reconnect to the peer")
        }
        let counter = self.nonce.littleEndian
        let isDone = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 12) { nonce in
            nonce.initialize(repeating: 0)
            withUnsafeBytes(of: counter) { UnsafeMutableRawBufferPointer(nonce.extracting(4...)).copyMemory(from: $0) }
            guard let base = nonce.baseAddress else { return false }
            return operation(self.context, UnsafePointer(base))
        }
        guard isDone else {
            throw WireError(.badSignature, "a Noise message of the peer does not decrypt")
        }
        self.nonce += 1
    }
}
