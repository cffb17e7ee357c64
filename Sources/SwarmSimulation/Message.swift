internal import P2PWire
internal import ShardProtocol
internal import SwarmCore

/// A connection: who dialled, a coordinator or a server that pushes, and the server that was dialled; both by their number.
struct Link: Hashable, Sendable {
    var dialler: Int
    var server: Int
}

/// One attempt to have a step run; a resent step is the same attempt.
typealias AttemptID = UInt64

/// One request to open a way, to one of its two hops.
typealias OpeningID = UInt64

/// What travels over a connection.
enum Message: Sendable {
    case step(StepMessage)
    case answer(AnswerMessage)
    case open(OpenMessage)
    case opened(OpeningID, isOpen: Bool)
    case push(PushMessage)
    /// A hop takes no pushes of this session from whoever sent one.
    case refusedPush(SessionKey)
    case close(SessionID)
    /// The stream of a session ends, and says nothing of the session.
    case endStream(SessionID)
    /// A step that was sent is not wanted any more.
    case cancel(SessionID, AttemptID)
    case ping
    case pong
}

/// `InferenceRequest`, as far as anybody decides by it.
struct StepMessage: Sendable {
    /// What is wanted of the last hop.
    enum Logits: Sendable {
        case none
        case last
        case every
    }

    /// Nil where another hop sends it: its number alone says what it is.
    var attempt: AttemptID?
    var session: SessionID
    var position: Int
    var rows: ToyRows
    var logits: Logits
    /// Nil to a plain 1.0.0 server, which is told nothing of all this.
    var details: Details?

    struct Details: Sendable {
        var number: UInt32
        var blocks: BlockRange
        var rollback: Bool
        var maximumTokens: Int
        /// The numbers of the same step on the hops behind.
        var pushes: [UInt32] = []
        /// Whether nobody but the coordinator is to send steps from now on.
        var refusesPushes = false
        /// Whether these rows stay right whatever comes. Nobody is told: a liar who gave others what was taken back would
        /// compute wrong numbers by it, which cannot be told from right ones.
        var isCertain: Bool
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

    /// Nil where another hop sent the step.
    var attempt: AttemptID?
    var session: SessionID
    var number: UInt32?
    var content: Content
    var compute = Duration.zero
    var queue = Duration.zero
    var isLeaving = false
    /// Whether it was to be passed on and was not.
    var isUnpushed = false
}

/// A coordinator says from whom the steps of a session come, or to whom they go on.
struct OpenMessage: Sendable {
    var id: OpeningID
    var session: SessionID
    var change: Change

    enum Change: Sendable {
        case from(PeerID)
        case to(SimulatedTarget)
    }
}

/// `PushTarget`, likewise.
struct SimulatedTarget: Hashable, Sendable {
    var server: Int
    var session: SessionID
    var blocks: BlockRange
    var maximumTokens: Int
}

/// A step that a hop passes on.
struct PushMessage: Sendable {
    var coordinator: PeerID
    var step: StepMessage
    /// Values that are no numbers.
    var isGarbage = false
}
