package import NIOCore
import SwiftProtobuf

extension ProtocolID {
    /// The listener tells the dialler about itself, on request.
    package static let identify: ProtocolID = "/ipfs/id/1.0.0"
    /// The dialler tells the listener what has changed.
    package static let identifyPush: ProtocolID = "/ipfs/id/push/1.0.0"
}

/// What stands in an Identify exchange; anything may be missing, and nothing of it has been verified
/// (libp2p specification, identify).
package struct IdentifyMessage: Equatable, Sendable {
    /// A serialised `PublicKey`.
    package var publicKey: [UInt8]?
    package var listenAddresses: [Multiaddr]
    package var protocols: [ProtocolID]
    /// Where the sender sees the receiver.
    package var observedAddress: Multiaddr?
    package var protocolVersion: String?
    package var agentVersion: String?
    /// A serialised `SignedEnvelope` around the sender's peer record.
    package var signedPeerRecord: [UInt8]?

    package init(
        publicKey: [UInt8]? = nil,
        listenAddresses: [Multiaddr] = [],
        protocols: [ProtocolID] = [],
        observedAddress: Multiaddr? = nil,
        protocolVersion: String? = nil,
        agentVersion: String? = nil,
        signedPeerRecord: [UInt8]? = nil
    ) {
        self.publicKey = publicKey
        self.listenAddresses = listenAddresses
        self.protocols = protocols
        self.observedAddress = observedAddress
        self.protocolVersion = protocolVersion
        self.agentVersion = agentVersion
        self.signedPeerRecord = signedPeerRecord
    }
}

// MARK: - Sending

extension IdentifyMessage {
    /// The message behind its length, together at most `Limits.identifySentLength` bytes.
    ///
    /// What does not fit is left out, the least needed first: the signed record, whose addresses stand in the message as
    /// well, then addresses, then protocols, from the end.
    package func framed() -> ByteBuffer {
        var message = self
        var bytes = message.bytes
        // Two bytes of length stand before it.
        while bytes.count > Limits.identifySentLength - 2 {
            if message.signedPeerRecord != nil {
                message.signedPeerRecord = nil
            } else if message.listenAddresses.popLast() == nil, message.protocols.popLast() == nil {
                message.agentVersion = nil
                message.protocolVersion = nil
            }
            bytes = message.bytes
        }
        var buffer = ByteBuffer()
        buffer.writeUVarintPrefixed(bytes)
        return buffer
    }

    var bytes: [UInt8] {
        var message = ProtoIdentify()
        if let publicKey { message.publicKey = field(publicKey) }
        message.listenAddrs = self.listenAddresses.map { field($0.bytes) }
        message.protocols = self.protocols.map(\.name)
        if let observedAddress { message.observedAddr = field(observedAddress.bytes) }
        if let protocolVersion { message.protocolVersion = protocolVersion }
        if let agentVersion { message.agentVersion = agentVersion }
        if let signedPeerRecord { message.signedPeerRecord = field(signedPeerRecord) }
        return encoded(message)
    }
}

// MARK: - Receiving

extension IdentifyMessage {
    package init(bytes: some Collection<UInt8>) throws(WireError) {
        guard bytes.count <= Limits.identifyReceivedLength else {
            throw WireError(
                .tooLarge,
                "an Identify message of \(bytes.count) bytes; the limit is \(Limits.identifyReceivedLength)"
            )
        }
        guard let message = try? ProtoIdentify(serializedBytes: Array(bytes)) else {
            throw WireError(.malformed, "the bytes are not an Identify message")
        }
        self.init(
            publicKey: message.hasPublicKey ? Array(message.publicKey) : nil,
            listenAddresses: Multiaddr.readable(message.listenAddrs),
            protocols: message.protocols.map(ProtocolID.init(_:)),
            observedAddress: message.hasObservedAddr ? try? Multiaddr(bytes: message.observedAddr) : nil,
            protocolVersion: message.hasProtocolVersion ? message.protocolVersion : nil,
            agentVersion: message.hasAgentVersion ? message.agentVersion : nil,
            signedPeerRecord: message.hasSignedPeerRecord ? Array(message.signedPeerRecord) : nil
        )
        self.bound()
    }

    /// Adds the next message of the same exchange: go-libp2p splits what exceeds 2 KiB, as protobuf defines concatenation.
    package mutating func merge(_ next: IdentifyMessage) {
        self.publicKey = next.publicKey ?? self.publicKey
        self.listenAddresses += next.listenAddresses
        self.protocols += next.protocols
        self.observedAddress = next.observedAddress ?? self.observedAddress
        self.protocolVersion = next.protocolVersion ?? self.protocolVersion
        self.agentVersion = next.agentVersion ?? self.agentVersion
        self.signedPeerRecord = next.signedPeerRecord ?? self.signedPeerRecord
        self.bound()
    }

    private mutating func bound() {
        self.listenAddresses = Array(self.listenAddresses.prefix(Limits.learnedAddressCount))
        self.protocols = Array(self.protocols.prefix(Limits.learnedProtocolCount))
    }
}

/// Collects the messages of one Identify exchange, up to the stream's end.
package struct IdentifyReader {
    private var unread = ByteBuffer()
    private var message: IdentifyMessage?
    private var messageCount = 0

    package init() {}

    /// Takes the next bytes of the stream.
    package mutating func received(_ bytes: ByteBuffer) throws(WireError) {
        self.unread.writeImmutableBuffer(bytes)
        while let frame = try self.unread.readUVarintPrefixedSlice(limit: Limits.identifyReceivedLength) {
            self.messageCount += 1
            guard self.messageCount <= Limits.identifyMessageCount else {
                throw WireError(.tooLarge, "more than \(Limits.identifyMessageCount) Identify messages on one stream")
            }
            let next = try IdentifyMessage(bytes: frame.readableBytesView)
            if self.message == nil { self.message = next } else { self.message?.merge(next) }
        }
    }

    /// The stream has ended: all that was said on it.
    package consuming func finish() throws(WireError) -> IdentifyMessage {
        guard let message, self.unread.readableBytes == 0 else {
            throw WireError(.malformed, "an Identify stream ended in the middle of a message")
        }
        return message
    }
}
