package import NIOCore

/// Turns a fresh byte stream into an authenticated connection: multistream for `/noise`, then the handshake.
///
/// The dialer's flights are as few as they can be: its proposal travels with the first Noise message, and its last
/// Noise message with the muxer's proposal and the first streams.
package struct ConnectionUpgrade: ~Copyable {
    package static let security: ProtocolID = "/noise"
    package static let muxer: ProtocolID = "/yamux/1.0.0"

    private enum State: ~Copyable {
        case proposing(MultistreamDialer, NoiseHandshake)
        case answering(MultistreamListener, NoiseHandshake)
        case handshaking(NoiseHandshake)
        case verified(NoiseHandshake, NoiseHandshake.Remote)
        case over
    }

    private let role: ConnectionRole
    private var state: State

    /// - Parameter handshake: Ours, in the same role.
    package init(role: ConnectionRole, handshake: consuming NoiseHandshake) {
        self.role = role
        switch role {
        case .dialer: self.state = .proposing(MultistreamDialer(proposing: Self.security), handshake)
        case .listener: self.state = .answering(MultistreamListener(), handshake)
        }
    }

    /// Writes what is said before the remote has spoken.
    package mutating func start(into reply: inout ByteBuffer) throws(WireError) {
        switch self.takeState() {
        case .proposing(var dialer, var handshake):
            dialer.start(into: &reply)
            try handshake.start(into: &reply)
            self.state = .proposing(dialer, handshake)
        case .answering(var listener, let handshake):
            listener.start(into: &reply)
            self.state = .answering(listener, handshake)
        case .handshaking: preconditionFailure("started twice")
        case .verified: preconditionFailure("started twice")
        case .over: preconditionFailure("started after its end")
        }
    }

    /// Takes the remote's bytes; returns who it is once that is proven. The caller then decides whether to
    /// ``accept(into:)`` it; what is left in `bytes` is already encrypted.
    ///
    /// - Throws: when the connection cannot be upgraded; the machine is then over.
    package mutating func receive(
        _ bytes: inout ByteBuffer,
        reply: inout ByteBuffer
    ) throws(WireError) -> PublicKey? {
        switch self.takeState() {
        case .proposing(var dialer, let handshake):
            guard try dialer.receive(&bytes, reply: &reply) != nil else {
                self.state = .proposing(dialer, handshake)
                return nil
            }
            self.state = .handshaking(handshake)
            return try self.receive(&bytes, reply: &reply)
        case .answering(var listener, let handshake):
            guard try listener.receive(&bytes, reply: &reply, speaks: { $0 == Self.security }) != nil else {
                self.state = .answering(listener, handshake)
                return nil
            }
            self.state = .handshaking(handshake)
            return try self.receive(&bytes, reply: &reply)
        case .handshaking(var handshake):
            guard let remote = try handshake.receive(&bytes, reply: &reply) else {
                self.state = .handshaking(handshake)
                return nil
            }
            self.state = .verified(handshake, remote)
            return remote.identity
        case .verified: throw Self.isOver
        case .over: throw Self.isOver
        }
    }

    /// Accepts the remote that was proven: writes what the handshake still needs and hands over the connection.
    package mutating func accept(into reply: inout ByteBuffer) throws(WireError) -> SecureConnection {
        guard case .verified(var handshake, let remote) = self.takeState() else {
            preconditionFailure("nobody has been verified yet")
        }
        try handshake.confirm(into: &reply)
        return SecureConnection(role: self.role, noise: handshake.split(), earlyMuxer: remote.muxer)
    }

    private static let isOver = WireError(.protocolViolation, "bytes arrived for a handshake that is over")

    private mutating func takeState() -> State {
        var state = State.over
        swap(&state, &self.state)
        return state
    }
}
