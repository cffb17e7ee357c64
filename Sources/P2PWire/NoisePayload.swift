internal import SwiftProtobuf

/// What each side of a Noise handshake proves of itself: its identity key, that key's signature over the static key of
/// this handshake, and the muxers it speaks.
package struct NoisePayload: Equatable {
    private static let signaturePrefix = Array("noise-libp2p-static-key:".utf8)

    var identityKey: [UInt8]
    var signature: [UInt8]
    /// Its muxers in order of preference; `nil` when it does not take part in the early choice.
    var muxers: [ProtocolID]?

    init(identity: Identity, staticKey: NoiseKeyPair, muxers: [ProtocolID]?) {
        self.identityKey = identity.publicKey.protobuf
        self.signature = identity.signature(for: Self.signaturePrefix + staticKey.publicKey)
        self.muxers = muxers
    }

    package init(bytes: [UInt8]) throws(WireError) {
        guard let message = try? ProtoNoiseHandshakePayload(serializedBytes: bytes) else {
            throw WireError(.malformed, "the peer sent a Noise payload that is not the protobuf it should be")
        }
        self.identityKey = Array(message.identityKey)
        self.signature = Array(message.identitySig)
        self.muxers = message.hasExtensions ? message.extensions.streamMuxers.map { ProtocolID($0) } : nil
    }

    var bytes: [UInt8] {
        var bytes = Self.field(1, self.identityKey) + Self.field(2, self.signature)
        if let muxers {
            bytes += Self.field(4, muxers.flatMap { Self.field(2, Array($0.name.utf8)) })
        }
        return bytes
    }

    /// The identity that the payload proves.
    ///
    /// - Throws: `badSignature` when the identity did not sign `staticKey`.
    package func verifiedIdentity(staticKey: [UInt8]) throws(WireError) -> PublicKey {
        let key = try PublicKey(protobuf: self.identityKey)
        guard key.isValidSignature(self.signature, for: Self.signaturePrefix + staticKey) else {
            throw WireError(.badSignature, "the peer does not own the identity \(key.peerID) that it claims")
        }
        return key
    }

    private static func field(_ number: UInt8, _ value: [UInt8]) -> [UInt8] {
        [number << 3 | 2] + UVarint.encoded(UInt64(value.count)) + value
    }
}
