import SwiftProtobuf

/// A peer's own, signed word on where it can be reached (libp2p RFC 0003).
package struct PeerRecord: Hashable, Sendable {
    package var peerID: PeerID
    /// Grows with every record of this peer; the highest one counts.
    package var sequence: UInt64
    package var addresses: [Multiaddr]

    package init(peerID: PeerID, sequence: UInt64, addresses: [Multiaddr]) {
        self.peerID = peerID
        self.sequence = sequence
        self.addresses = addresses
    }

    /// What go-libp2p, rust-libp2p and py-libp2p sign with; the RFC's text has the legacy form.
    private static let domain = "libp2p-peer-record"
    private static let payloadType: [UInt8] = [0x03, 0x01]
    private static let legacyDomain = "libp2p-routing-state"
    private static let legacyPayloadType = Array("/libp2p/routing-state-record".utf8)

    package func seal(by identity: Identity) -> SignedEnvelope {
        SignedEnvelope.seal(payload: self.bytes, payloadType: Self.payloadType, domain: Self.domain, by: identity)
    }

    /// Opens an envelope in either form that is in use, and checks that the peer signed it itself.
    package init(opening envelope: SignedEnvelope) throws(WireError) {
        let opened: (signer: PublicKey, payload: [UInt8])
        do throws(WireError) {
            opened = try envelope.open(domain: Self.domain, payloadType: Self.payloadType)
        } catch  where error.code == .unsupported {
            opened = try envelope.open(domain: Self.legacyDomain, payloadType: Self.legacyPayloadType)
        }
        try self.init(bytes: opened.payload)
        guard self.peerID == opened.signer.peerID else {
            throw WireError(.badSignature, "a peer record was signed by another peer than it speaks of")
        }
    }

    private init(bytes: [UInt8]) throws(WireError) {
        guard let message = try? ProtoPeerRecord(serializedBytes: bytes) else {
            throw WireError(.malformed, "the bytes are not a peer record")
        }
        self.peerID = try PeerID(bytes: message.peerID)
        self.sequence = message.seq
        self.addresses = Multiaddr.readable(message.addresses.map(\.multiaddr))
    }

    private var bytes: [UInt8] {
        var message = ProtoPeerRecord()
        message.peerID = field(self.peerID.bytes)
        message.seq = self.sequence
        message.addresses = self.addresses.map { address in
            var information = ProtoPeerRecord.AddressInfo()
            information.multiaddr = field(address.bytes)
            return information
        }
        return encoded(message)
    }
}

extension Multiaddr {
    /// The addresses among `encodings` that can be read here, up to the bound. One of an unknown kind is skipped: a
    /// peer may well speak more transports than this one.
    package static func readable(_ encodings: [some Collection<UInt8>]) -> [Multiaddr] {
        var addresses: [Multiaddr] = []
        for encoding in encodings where addresses.count < Limits.learnedAddressCount {
            if let address = try? Multiaddr(bytes: encoding) { addresses.append(address) }
        }
        return addresses
    }
}
