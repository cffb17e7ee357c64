package import NIOCore

/// libp2p's Noise handshake: three framed messages, in which both sides prove their identities.
///
/// The dialer learns who answers before it says who it is: ``receive(_:reply:)`` returns the remote's proof, and only
/// ``confirm(into:)`` sends our own.
package struct NoiseHandshake: ~Copyable {
    /// Who the remote is, and the muxer that both sides' payloads agree on.
    package struct Remote: Equatable, Sendable {
        package var identity: PublicKey
        /// `nil` when one side named none: the muxer is then negotiated by multistream.
        package var muxer: ProtocolID?
    }

    private let role: ConnectionRole
    private let payload: NoisePayload
    private var state: NoiseHandshakeState

    /// - Parameter muxers: What to offer for the early choice; `nil` to leave it to multistream.
    package init(
        role: ConnectionRole,
        identity: Identity,
        muxers: [ProtocolID]?,
        staticKey: NoiseKeyPair = NoiseKeyPair(),
        ephemeralKey: NoiseKeyPair = NoiseKeyPair()
    ) {
        self.role = role
        self.payload = NoisePayload(identity: identity, staticKey: staticKey, muxers: muxers)
        self.state = NoiseHandshakeState(role: role, staticKey: staticKey, ephemeralKey: ephemeralKey)
    }

    /// Writes the dialer's first message; the listener has nothing to say yet.
    package mutating func start(into reply: inout ByteBuffer) throws(WireError) {
        guard self.role == .dialer else { return }
        try self.send([], into: &reply)
    }

    /// Takes the remote's messages; returns its proof once it has arrived and been verified.
    package mutating func receive(
        _ bytes: inout ByteBuffer,
        reply: inout ByteBuffer
    ) throws(WireError) -> Remote? {
        while let message = Self.readMessage(from: &bytes) {
            let payload = try self.state.read(message)
            guard self.state.remoteStatic.isEmpty else {
                return try self.verify(NoisePayload(bytes: payload))
            }
            try self.send(self.payload.bytes, into: &reply)
        }
        return nil
    }

    /// Accepts the remote: the dialer's last message, nothing for the listener.
    package mutating func confirm(into reply: inout ByteBuffer) throws(WireError) {
        guard self.state.isOurTurn else { return }
        try self.send(self.payload.bytes, into: &reply)
    }

    /// Ends the confirmed handshake.
    package consuming func split() -> NoiseSession {
        self.state.split()
    }

    private func verify(_ payload: NoisePayload) throws(WireError) -> Remote {
        let identity = try payload.verifiedIdentity(staticKey: self.state.remoteStatic)
        guard let ours = self.payload.muxers, let theirs = payload.muxers else {
            return Remote(identity: identity, muxer: nil)
        }
        // The dialer's order decides.
        let (first, second) = self.role == .dialer ? (ours, theirs) : (theirs, ours)
        guard let muxer = first.first(where: second.contains) else {
            throw WireError(.unsupported, "the peer speaks none of the stream muxers \(ours)")
        }
        return Remote(identity: identity, muxer: muxer)
    }

    private mutating func send(_ payload: [UInt8], into reply: inout ByteBuffer) throws(WireError) {
        let message = try self.state.write(payload: payload)
        reply.writeInteger(UInt16(message.count))
        reply.writeBytes(message)
    }

    private static func readMessage(from bytes: inout ByteBuffer) -> [UInt8]? {
        guard let length: UInt16 = bytes.getInteger(at: bytes.readerIndex),
            let message = bytes.getBytes(at: bytes.readerIndex + 2, length: Int(length))
        else { return nil }
        bytes.moveReaderIndex(forwardBy: 2 + Int(length))
        return message
    }
}
