internal import P2PCore
internal import P2PWire

/// Why a message of this protocol could not be read, sent or answered.
public struct ShardError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Code: String, Equatable, Sendable {
        /// The bytes are not what the protocol says.
        case malformed
        /// The message is larger than its bound.
        case tooLarge
        /// A tensor's shape overflows, or does not match its bytes.
        case badTensor
        /// A node record is expired, from the future, or signed by somebody else.
        case badRecord
        /// The peer could not be reached, or the connection broke.
        case unreachable
        /// The peer does not speak the protocol.
        case unsupportedProtocol
        /// The peer did not answer in time.
        case timedOut
        /// The task that waited was cancelled.
        case cancelled
        /// The peer answered that its handler failed.
        case remoteFailure
        /// A range, key or name given by the caller is not a valid one.
        case invalidArgument
    }

    public var code: Code
    /// What happened and what to do next.
    public var message: String

    public init(code: Code, message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { self.message }

    static func malformed(_ message: String) -> ShardError { ShardError(code: .malformed, message: message) }
}

extension ShardError {
    /// What a failure of the network means for an exchange with `peer`.
    init(_ error: P2PError, from peer: PeerID) {
        let code: Code =
            switch error.code {
            case .unsupportedProtocol: .unsupportedProtocol
            case .timedOut: .timedOut
            case .cancelled: .cancelled
            default: .unreachable
            }
        self.init(code: code, message: "\(peer): \(error.message)")
    }
}
