import CSodium

/// The SymmetricState of the Noise specification (§5.2) over SHA-256: the chaining key, the transcript's hash, and the
/// cipher that the latest key exchange gave.
struct NoiseSymmetricState: ~Copyable {
    private var chainingKey: [UInt8]
    private(set) var transcript: [UInt8]
    private var cipher: CipherState?

    init(protocolName: String) {
        // A name of up to 32 bytes is padded, a longer one hashed.
        let name = Array(protocolName.utf8)
        let hash = name.count <= 32 ? name + [UInt8](repeating: 0, count: 32 - name.count) : SHA256.digest(name)
        self.chainingKey = hash
        self.transcript = hash
    }

    mutating func mixHash(_ data: [UInt8]) {
        self.transcript = SHA256.digest(self.transcript + data)
    }

    mutating func mixKey(_ inputKeyMaterial: [UInt8]) {
        let (next, key) = Self.deriveKeys(self.chainingKey, inputKeyMaterial)
        self.chainingKey = next
        self.cipher = CipherState(key: key)
    }

    mutating func encryptAndHash(_ plaintext: [UInt8]) throws(WireError) -> [UInt8] {
        guard self.cipher != nil else {
            self.mixHash(plaintext)
            return plaintext
        }
        var message = plaintext + [UInt8](repeating: 0, count: CipherState.tagLength)
        let transcript = self.transcript
        try Self.withBytes(of: &message) { bytes throws(WireError) in
            try self.cipher?.seal(bytes, authenticating: transcript)
        }
        self.mixHash(message)
        return message
    }

    mutating func decryptAndHash(_ message: [UInt8]) throws(WireError) -> [UInt8] {
        guard self.cipher != nil else {
            self.mixHash(message)
            return message
        }
        var plaintext = message
        let transcript = self.transcript
        try Self.withBytes(of: &plaintext) { bytes throws(WireError) in
            try self.cipher?.open(UnsafeRawBufferPointer(bytes), into: bytes, authenticating: transcript)
        }
        self.mixHash(message)
        return Array(plaintext.dropLast(CipherState.tagLength))
    }

    /// The keys of the transport: the one that the initiator sends with, then the responder's.
    consuming func split() -> (initiator: [UInt8], responder: [UInt8]) {
        Self.deriveKeys(self.chainingKey, [])
    }

    /// HKDF with two outputs (§4.3).
    private static func deriveKeys(_ chainingKey: [UInt8], _ material: [UInt8]) -> ([UInt8], [UInt8]) {
        let secret = Self.hmac(key: chainingKey, material)
        let first = Self.hmac(key: secret, [1])
        let second = Self.hmac(key: secret, first + [2])
        return (first, second)
    }

    private static func hmac(key: [UInt8], _ message: [UInt8]) -> [UInt8] {
        var code = [UInt8](repeating: 0, count: Int(crypto_auth_hmacsha256_BYTES))
        crypto_auth_hmacsha256(&code, message, UInt64(message.count), key)
        return code
    }

    private static func withBytes(
        of array: inout [UInt8],
        _ body: (UnsafeMutableRawBufferPointer) throws(WireError) -> Void
    ) throws(WireError) {
        let result: Result<Void, WireError> = array.withUnsafeMutableBytes { bytes in
            Result { () throws(WireError) in try body(bytes) }
        }
        try result.get()
    }
}
