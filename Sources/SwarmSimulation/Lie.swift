internal import ShardProtocol

/// What a server does that it should not. Whatever it is, it computes rightly what it computes: a wrong number from a peer
/// that means it cannot be told from a right one yet.
enum Lie: Hashable, Sendable {
    /// Announces every block, and serves a part.
    case blocks
    /// Announces a thousand times its speed.
    case speed
    /// Refuses every step.
    case refuses(ReplyCode)
    /// Begins well, and refuses every later step.
    case turns(ReplyCode)
    /// Answers shapes that nobody asked for, or values that are no numbers.
    case garbage
    /// Takes steps, answers pings, and nothing else.
    case silence
    /// Says of every step that it is about to leave.
    case leaving
    /// Holds other weights, as it says.
    case weights
    /// Says that all time went into waiting.
    case times
    /// Says that it has pushed, and has not.
    case pushesNothing
    /// Pushes everything twice.
    case pushesTwice
    /// Pushes steps under other numbers than theirs.
    case pushesHighNumbers
    /// Pushes steps for tokens behind a gap.
    case pushesWildPositions
    /// Pushes steps once more that came before.
    case pushesOldSteps
    /// Pushes fewer rows than there are, or values that are no numbers.
    case pushesShapes
    /// Goes on pushing to a session after its own is over.
    case pushesAfterwards

    /// What may be drawn.
    static let all: [Lie] =
        [.blocks, .speed, .garbage, .silence, .leaving, .weights, .times] + Self.ofPushes
        + ReplyCode.allCases.filter { $0 != .ok }.flatMap { [.refuses($0), .turns($0)] }

    /// Told to other servers.
    static let ofPushes: [Lie] = [
        .pushesNothing, .pushesTwice, .pushesHighNumbers, .pushesWildPositions, .pushesOldSteps, .pushesShapes,
        .pushesAfterwards,
    ]
}
