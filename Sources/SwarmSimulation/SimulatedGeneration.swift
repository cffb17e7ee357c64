internal import P2PWire
internal import ShardProtocol
package import SwarmCore

/// A session of a generation on a server: what `RemoteSpan` knows of it.
struct SimulatedSpan: Sendable {
    let server: Int
    let blocks: BlockRange
    let isExact: Bool
    let takesStepsAhead: Bool
    let pushes: Bool
    let session: SessionID
    var isOpen = false
    /// The connection on which its stream is; what is expected there is lost with it.
    var stream: Int?
    /// The last step that it was given.
    var lastAttempt: AttemptID?
}

/// A server, and what it says of itself.
struct FoundServer: Sendable {
    var server: Int
    var id: PeerID
    var record: NodeRecord
    var roundTrip: Duration
}

/// One generation: the real chain session, and the shell's part of `GenerationRun`, `Chain` and `Replacements`.
struct SimulatedGeneration: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// How steps go from hop to hop: only where every hop pushes, over the coordinator alone, or wherever two hops do.
    enum StepWay: CaseIterable, Sendable {
        case auto
        case star
        case push
    }

    /// What a generation is to do, and what it is to give.
    struct Task: Sendable {
        var coordinator: Int
        var prompt: [UInt64]
        /// The tokens that follow on one machine that nothing disturbs; as many are wanted.
        var reference: [UInt64]
        var chunk: Int
        var keepsStandbys: Bool
        var way: StepWay
        /// How many of the next tokens are guessed, of which some are wrong.
        var guesses: Int
        /// When so many tokens of the prompt have been read, its user thinks better of it, and then again.
        var curtailedAt: Int?

        var maximumLength: Int { self.prompt.count + self.reference.count }
    }

    struct Pass: Sendable {
        var tokens: [UInt64]
        var position: Int
        var guesses: Int
        /// Whether it was to end before its last token.
        var isCurtailed = false
    }

    let task: Task
    let began: Instant
    /// Nil while its chain is looked for.
    var session: ChainSession<ToyRows>?
    var spans: [HopID: SimulatedSpan] = [:]
    /// Those of hops that were left.
    var retired: [SimulatedSpan] = []
    private var nextHop: UInt64 = 0
    var pass: Pass?
    /// What the last hop made of the last tokens of the pass.
    var logits: [UInt64] = []
    /// Where the rest of the prompt begins.
    var position = 0
    private(set) var tokens: [UInt64] = []
    /// The pass has all that it is for, and still waits for answers that logs are made of.
    var isFinished = false
    /// Somebody looks after those who were pushed to.
    var isWatching = false
    /// What the hops of ways that are being opened have said.
    var halfOpen: [ChainSession<ToyRows>.Edge: Bool] = [:]
    /// Ways that are open, by the order that opened them.
    var ways: [OpeningID: ChainSession<ToyRows>.Edge] = [:]
    /// A chore of the session's is under way.
    var isTending = false
    var failure: GenerationEnd?

    var known: [FoundServer] = []
    /// What those say of themselves who run the chain or ran it.
    var chosen: [PeerID: NodeRecord] = [:]
    /// Peers that were given another session because they had forgotten theirs.
    var reopened: Set<PeerID> = []
    /// Whether the first search gave no chain, and there was another.
    var hasSearchedAgain = false
    /// When somebody was looked for last and not found.
    var lastSearch: Instant?
    /// Whether every block had a holder that it could reach, all the time.
    var wasAlwaysPossible = true

    init(_ task: Task, now: Instant) {
        self.task = task
        self.began = now
    }

    var members: [ChainMember] { self.session?.members ?? [] }

    /// A session for each hop, not yet open.
    mutating func take(_ hops: [(hop: Hop, server: FoundServer)], _ random: inout some RandomNumberGenerator)
        -> [ChainMember]
    {
        hops.map { hop, server in
            self.chosen[hop.peer] = server.record
            return self.take(
                SimulatedSpan(
                    server: server.server,
                    blocks: hop.blocks,
                    isExact: server.record.speaksStepExtension,
                    takesStepsAhead: server.record.speaksStreams,
                    pushes: server.record.speaksPush,
                    session: .random(using: &random)
                ),
                of: hop.peer
            )
        }
    }

    mutating func take(_ span: SimulatedSpan, of peer: PeerID) -> ChainMember {
        let id = HopID(rawValue: self.nextHop)
        self.nextHop += 1
        self.spans[id] = span
        return ChainMember(
            id: id,
            peer: peer,
            blocks: span.blocks,
            isExact: span.isExact,
            takesStepsAhead: span.takesStepsAhead,
            pushes: span.pushes
        )
    }

    /// The next pass; nil when all tokens are there.
    mutating func nextPass(_ random: inout some RandomNumberGenerator) -> Pass? {
        let prompt = self.task.prompt
        guard !self.tokens.isEmpty else {
            return Pass(tokens: Array(prompt[self.position...]), position: self.position, guesses: 0)
        }
        let left = self.task.reference.count - self.tokens.count
        guard left > 0, let last = self.tokens.last else { return nil }
        let isExact = self.members.allSatisfy(\.isExact)
        let count = isExact ? min(Int.random(in: 0...self.task.guesses, using: &random), left - 1) : 0
        let guesses = self.task.reference[self.tokens.count..<self.tokens.count + count].map { token in
            Int.random(in: 0..<4, using: &random) == 0 ? token &+ 1 : token
        }
        let position = prompt.count + self.tokens.count - 1
        return Pass(tokens: [last] + guesses, position: position, guesses: count)
    }

    /// Draws a token, and one more for each guess that was right.
    mutating func draw(after pass: Pass) {
        for (index, row) in self.logits.suffix(pass.guesses + 1).enumerated() {
            let token = ToyModel.token(row)
            self.tokens.append(token)
            guard index < pass.guesses, pass.tokens[pass.tokens.count - pass.guesses + index] == token else { return }
        }
    }
}

/// How a generation ended.
package enum GenerationEnd: Hashable, Sendable {
    case finished
    /// The tokens are not those that they should be.
    case wrong
    /// No chain covers the model, or none did any more.
    case noRoute(NoRoute.Reason)
    /// A hop was lost for this reason, and nobody could take over.
    case lost(Loss)
    /// Its user did not want to wait any more.
    case cancelled
    /// The coordinator's process ended.
    case vanished
    /// It took longer than anything may take.
    case hung
}
