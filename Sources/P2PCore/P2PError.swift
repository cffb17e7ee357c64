import P2PWire

/// Why something on the network did not happen.
public struct P2PError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What kind of failure this is; programs branch on it.
    public enum Code: Equatable, Sendable {
        /// No address of the peer could be reached.
        case dialFailed
        /// A connection was made, but the two sides did not agree on its encryption or identity.
        case handshakeFailed
        /// Another peer than the one asked for answers at that address.
        case wrongPeer
        /// A list of allowed peers, ours or the remote's, does not name the other side.
        case notAllowed
        /// The remote does not speak the protocol; the connection lives on.
        case unsupportedProtocol
        /// The remote, or this side, ended the stream at once; the connection lives on.
        case streamReset
        /// The remote ended its direction in the middle of a message; the connection lives on.
        case unexpectedEnd
        /// The connection ended under the stream.
        case connectionLost
        /// The peer or its address failed lately; the message says how long to wait.
        case backedOff
        /// This host has nothing to do with the peer or its address for a while.
        case banned
        /// It took longer than it may.
        case timedOut
        /// Another process listens on that port.
        case portInUse
        /// A bound of this side or of the remote is reached.
        case limitReached
        /// An address or a setting cannot be used as it stands.
        case invalidConfiguration
        /// The remote sent bytes that break a protocol.
        case malformed
        /// The waiting task was cancelled.
        case cancelled
        /// The host is closed.
        case closed
        /// Another process holds the identity file.
        case identityInUse
        /// The identity file is missing, cannot be read, or holds no key.
        case identityUnusable
    }

    public var code: Code
    /// What went wrong, where, and what to do next.
    public var message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { self.message }
}

extension P2PError {
    static let cancelled = P2PError(.cancelled, "the task that waited on the network was cancelled")
    static let hostClosed = P2PError(.closed, "this host is closed; start a new one")
    static let resetHere = P2PError(.streamReset, "this side reset the stream")

    /// A stream-level failure of a machine of P2PWire.
    init(stream error: WireError) {
        let code: Code =
            switch error.code {
            case .unsupported: .unsupportedProtocol
            case .tooLarge: .limitReached
            case .malformed, .badSignature, .protocolViolation: .malformed
            }
        self.init(code, error.message)
    }
}
