internal import ShardProtocol
internal import SwarmCore

/// The connection of a coordinator with a server; both by their number.
struct Link: Hashable, Sendable {
    var coordinator: Int
    var server: Int
}

/// One attempt to have a step run; a resent step is the same attempt.
typealias AttemptID = UInt64

/// What travels over a connection.
enum Message: Sendable {
    case step(StepMessage)
    case answer(AnswerMessage)
    case close(SessionID)
    /// A step that was sent is not wanted any more.
    case cancel(SessionID, AttemptID)
    case ping
    case pong
}

/// `InferenceRequest`, as far as anybody decides by it.
struct StepMessage: Sendable {
    enum Answer: Sendable {
        case hidden
        case nothing
        case lastLogits
        case allLogits
    }

    var attempt: AttemptID
    var session: SessionID
    var position: Int
    var rows: ToyRows
    var wants: Answer
    /// Nil to a plain 1.0.0 server, which is told nothing of all this.
    var details: Details?

    struct Details: Sendable {
        var number: UInt32
        var blocks: BlockRange
        var rollback: Bool
        var maximumTokens: Int
    }
}

/// `InferenceResponse`, likewise.
struct AnswerMessage: Sendable {
    enum Content: Sendable {
        case rows([UInt64])
        case nothing
        case refused(ReplyCode, retryAfter: Duration?)
        /// A shape that nobody asked for, or values that are no numbers.
        case garbage
    }

    var attempt: AttemptID
    var content: Content
    var compute = Duration.zero
    var queue = Duration.zero
    var isLeaving = false
}
