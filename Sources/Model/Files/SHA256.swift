internal import COpenSSL

/// SHA-256 over parts that come one after another.
struct SHA256: ~Copyable {
    private let context: OpaquePointer

    init() {
        // OpenSSL allocates a few hundred bytes and looks SHA-256 up; neither fails but for want of memory.
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
            preconditionFailure("OpenSSL offers no SHA-256")
        }
        self.context = context
    }

    deinit { EVP_MD_CTX_free(self.context) }

    func append(_ bytes: UnsafeRawBufferPointer) {
        EVP_DigestUpdate(self.context, bytes.baseAddress, bytes.count)
    }

    func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { self.append($0) }
    }

    /// A number in four bytes, little-endian.
    func append(_ number: UInt32) {
        withUnsafeBytes(of: number.littleEndian) { self.append($0) }
    }

    /// A text after its length in bytes, so that no two sequences of texts look alike.
    func append(_ text: String) {
        self.append(UInt32(truncatingIfNeeded: text.utf8.count))
        self.append(Array(text.utf8))
    }

    /// The digest, 32 bytes.
    consuming func finish() -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
            EVP_DigestFinal_ex(self.context, buffer.baseAddress, nil)
            count = 32
        }
    }

    static func digest(_ bytes: [UInt8]) -> [UInt8] {
        let hash = SHA256()
        hash.append(bytes)
        return hash.finish()
    }
}
