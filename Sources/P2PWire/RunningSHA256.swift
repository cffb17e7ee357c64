import COpenSSL
package import NIOCore

/// SHA-256 of bytes that come in pieces, by OpenSSL, which uses the processor's own instructions for it.
package struct RunningSHA256: ~Copyable {
    private let context: OpaquePointer

    package init() {
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
            preconditionFailure("OpenSSL has no SHA-256")
        }
        self.context = context
    }

    deinit { EVP_MD_CTX_free(self.context) }

    package mutating func update(_ bytes: ByteBuffer) {
        bytes.withUnsafeReadableBytes { bytes in
            // It fails only after the end of the digest, which `finish()` makes impossible.
            _ = EVP_DigestUpdate(self.context, bytes.baseAddress, bytes.count)
        }
    }

    /// The 32-byte digest of everything so far.
    package consuming func finish() -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        _ = EVP_DigestFinal_ex(self.context, &digest, nil)
        return digest
    }
}
