import NIOCore
import SwiftProtobuf

/// A payload, the key of who vouches for it, and the signature (libp2p RFC 0002).
///
/// The domain is signed and not sent, so that what was signed for one purpose cannot be shown for another.
public struct SignedEnvelope: Hashable, Sendable {
    private let publicKey: PublicKey
    private let payloadType: [UInt8]
    private let payload: [UInt8]
    private let signature: [UInt8]

    package static func seal(
        payload: [UInt8],
        payloadType: [UInt8],
        domain: String,
        by identity: Identity
    ) -> SignedEnvelope {
        let message = Self.signedBytes(domain: domain, payloadType: payloadType, payload: payload)
        return SignedEnvelope(
            publicKey: identity.publicKey,
            payloadType: payloadType,
            payload: payload,
            signature: identity.signature(for: message)
        )
    }

    private init(publicKey: PublicKey, payloadType: [UInt8], payload: [UInt8], signature: [UInt8]) {
        self.publicKey = publicKey
        self.payloadType = payloadType
        self.payload = payload
        self.signature = signature
    }

    /// Reads an envelope; nothing in it is to be believed before `open`.
    package init(bytes: some Collection<UInt8>) throws(WireError) {
        guard bytes.count <= Limits.envelopeLength else {
            throw WireError(
                .tooLarge,
                "a signed envelope of \(bytes.count) bytes; the limit is \(Limits.envelopeLength)"
            )
        }
        guard let message = try? ProtoEnvelope(serializedBytes: Array(bytes)) else {
            throw WireError(.malformed, "the bytes are not a signed envelope")
        }
        self.publicKey = try PublicKey(protobuf: message.publicKey)
        self.payloadType = Array(message.payloadType)
        self.payload = Array(message.payload)
        self.signature = Array(message.signature)
    }

    package var bytes: [UInt8] {
        var buffer = ByteBuffer()
        for (tag, field): (UInt8, [UInt8]) in [
            (0x0a, self.publicKey.protobuf), (0x12, self.payloadType), (0x1a, self.payload), (0x2a, self.signature),
        ] {
            buffer.writeInteger(tag)
            buffer.writeUVarintPrefixed(field)
        }
        return Array(buffer.readableBytesView)
    }

    /// Checks that the envelope was signed for `domain` and holds a payload of `payloadType`, and hands over both.
    ///
    /// Who the signer should have been is for the caller to compare.
    package func open(
        domain: String,
        payloadType: [UInt8]
    ) throws(WireError) -> (signer: PublicKey, payload: [UInt8]) {
        guard payloadType == self.payloadType else {
            throw WireError(.unsupported, "a signed envelope holds another kind of payload than expected")
        }
        let message = Self.signedBytes(domain: domain, payloadType: payloadType, payload: self.payload)
        guard self.publicKey.isValidSignature(self.signature, for: message) else {
            throw WireError(.badSignature, "a signed envelope was not signed by the key in it")
        }
        return (self.publicKey, self.payload)
    }

    private static func signedBytes(domain: String, payloadType: [UInt8], payload: [UInt8]) -> [UInt8] {
        var buffer = ByteBuffer()
        buffer.writeUVarintPrefixed(Array(domain.utf8))
        buffer.writeUVarintPrefixed(payloadType)
        buffer.writeUVarintPrefixed(payload)
        return Array(buffer.readableBytesView)
    }
}
