public import ShardProtocol

/// Why a generation could not start or go on, and what to do next.
public struct CoordinatorError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Code: Equatable, Sendable {
        /// An option is outside its range.
        case invalidOption
        /// The prompt does not fit the model's context.
        case promptTooLong
        /// The prompt holds no token, or one that the vocabulary lacks.
        case badPrompt
        /// No chain covers every block; these are missing.
        case noRoute(missing: [BlockRange])
        /// A peer of the chain cannot be reached any more, or stopped answering.
        case peerLost
        /// A peer refused a step, for this reason.
        case refused(ReplyCode)
        /// A peer answered something that is not what was asked for.
        case badReply
        /// A pinned chain does not fit the model or the peers in it.
        case badChain
        /// This machine could not run a block itself.
        case modelFailed
        /// No peer of the network could be reached.
        case unreachableNetwork
        /// The task that generates was cancelled.
        case cancelled
    }

    public let code: Code
    /// One sentence that names what happened and what to do next.
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { self.message }

    static func invalidOption(_ message: String) -> CoordinatorError { CoordinatorError(.invalidOption, message) }
}
