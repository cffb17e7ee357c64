package import P2PWire
package import ShardProtocol

/// The shell's name for a session on a hop; none is used twice in a chain.
package struct HopID: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }
}

/// A session on a hop of a chain.
package struct ChainMember: Hashable, Sendable {
    package var id: HopID
    /// Nil for blocks of this process.
    package var peer: PeerID?
    package var blocks: BlockRange
    /// Whether it bears a step that is sent twice; false for plain 1.0.0 servers.
    package var isExact: Bool

    package init(id: HopID, peer: PeerID?, blocks: BlockRange, isExact: Bool = true) {
        self.id = id
        self.peer = peer
        self.blocks = blocks
        self.isExact = isExact
    }
}

/// What a chain session keeps of each hop.
struct ChainLink<Payload: SpanPayload>: Sendable {
    struct Outstanding: Sendable {
        var id: StepID
        var tokens: Range<Int>
        var since: ContinuousClock.Instant
        /// Whether its deadline has passed and nobody else was found.
        var isWaitedFor = false
    }

    let member: ChainMember
    /// What it was given, and is to be given.
    var log = SpanLog<Payload>()
    /// Tokens that its session holds.
    var held = 0
    var outstanding: Outstanding?
    /// Whether its peer said that it is about to go.
    var isLeaving = false
    /// Whether it is worth looking for somebody who could stand in.
    var mayBePrepared = true
    /// Who failed to.
    var poorUnderstudies: Set<PeerID> = []
    /// What a token takes, as a moving average over its steps; nil before the first.
    private var pace: Duration?

    init(_ member: ChainMember) {
        self.member = member
    }

    /// After so long it is worth looking for somebody else (DESIGN.md §7).
    func deadline(tokens: Int) -> Duration {
        max(Limits.stepDeadline, (self.pace ?? Limits.unmeasuredPace) * (Limits.deadlineFactor * tokens))
    }

    /// It has run the tokens of its outstanding step.
    mutating func ran(_ step: Outstanding, now: ContinuousClock.Instant) {
        let sample = step.since.duration(to: now) / max(step.tokens.count, 1)
        self.pace = self.pace.map { ($0 * 7 + sample) / 8 } ?? sample
        self.held = step.tokens.upperBound
        self.outstanding = nil
    }

    /// The sequence goes on from `position`, whatever came after it before.
    mutating func cut(to position: Int) {
        self.log.cut(to: position)
        self.held = min(self.held, position)
        // Of a step that is under way, what comes after it is as wrong as what was held.
        guard let tokens = self.outstanding?.tokens, tokens.upperBound > position else { return }
        self.outstanding?.tokens = min(tokens.lowerBound, position)..<position
    }
}
