internal import P2PWire
internal import ShardProtocol
internal import SwarmCore

/// A step that a server was sent and whose answer is waited for: what `RemoteSpan` and `Host.whileAlive` keep.
struct Attempt: Sendable {
    typealias Instant = ContinuousClock.Instant

    let generation: GenerationID
    let step: ChainSession<ToyRows>.Step
    let message: StepMessage
    let link: Link
    /// Whether it feeds an understudy.
    let isChore: Bool
    let since: Instant
    /// How long `busy` is borne.
    let patience: Instant
    /// How often it may still be sent anew because a connection broke.
    var resends: Int
    /// After how long it is said that it is late, and said again.
    var deadline: Duration
    /// Who is looked for to take it over.
    var search: SearchID?
    /// It is sent anew later, so nobody answers it now.
    var isResting = false
    /// The step before it, while that may not have been answered.
    var before: AttemptID?
    /// It came before that one, and is sent anew behind it.
    var awaitsBefore = false
    /// The connection that it was sent over.
    var connection = 0
}

/// Somebody looks for servers: in the DHT first, then among those that it names.
struct Search: Sendable {
    enum Purpose: Sendable {
        case begin(GenerationID)
        case vacancy(GenerationID, ChainSession<ToyRows>.Vacancy, late: AttemptID?)
        case preparation(GenerationID, ChainSession<ToyRows>.Vacancy)
        case survey(server: Int, incarnation: Int, Stage)
    }

    /// What a server with `--blocks auto` looks around for.
    enum Stage: Sendable {
        case choose
        case settle
        case reconsider
        case leave(BlockRange)
    }

    let peer: Int
    let purpose: Purpose
    /// Those who have not been asked yet, the last first.
    var waiting: [PeerID] = []
    var outstanding = 0
    var found: [FoundServer] = []
    /// How often it has gone on because a block had no holder.
    var extensions = 0

    var generation: GenerationID? {
        switch self.purpose {
        case .begin(let id), .vacancy(let id, _, _), .preparation(let id, _): id
        case .survey: nil
        }
    }

    /// Nil where they are all wanted.
    var blocks: BlockRange? {
        switch self.purpose {
        case .begin, .survey: nil
        case .vacancy(_, let vacancy, _), .preparation(_, let vacancy): vacancy.blocks
        }
    }

    /// As many at once (DESIGN.md §4).
    static let concurrentQuestions = 16
    static let candidates = 256
    static let questionTime = Duration.seconds(2)
    static let askingTime = Duration.seconds(3)
    static let lookupTime = Duration.seconds(10)
    static let replacementLookupTime = Duration.seconds(2)
    /// Whoever is found is asked for so many times as long where that does not give a chain.
    static let longestAsking = 4
    static let interval = Duration.seconds(5)
}
