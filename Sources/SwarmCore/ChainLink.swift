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
    /// Whether it takes steps before those that came earlier are answered, as `/kwaai/inference/1.1.0` does.
    package var takesStepsAhead: Bool
    /// Whether it passes what it gives on to the next hop, and takes it from the hop before (`/kwaai/push/1.0.0`).
    package var pushes: Bool

    package init(
        id: HopID,
        peer: PeerID?,
        blocks: BlockRange,
        isExact: Bool = true,
        takesStepsAhead: Bool = false,
        pushes: Bool = false
    ) {
        self.id = id
        self.peer = peer
        self.blocks = blocks
        self.isExact = isExact
        self.takesStepsAhead = takesStepsAhead
        self.pushes = pushes
    }
}

/// What a chain session keeps of each hop.
struct ChainLink<Payload: SpanPayload>: Sendable {
    struct Outstanding: Sendable {
        var id: StepID
        var tokens: Range<Int>
        var since: ContinuousClock.Instant
        /// Whether the hop before sends it, and not the shell.
        var isPushed: Bool
        /// Counts the steps of the session.
        var number: UInt32
        /// Whether it tells the hop to take pushes from nobody.
        var refusesPushes: Bool
        /// Whether its deadline has passed and nobody else was found.
        var isWaitedFor = false
        /// What it gave, while the answer to a step before it is still on its way.
        var answer: Answer?
    }

    struct Answer: Sendable {
        /// What the next hop is to be given; nil from the last.
        var output: Payload?
    }

    /// Why it needs a replacement that is not there yet.
    struct Lost: Sendable {
        var loss: Loss
        var since: ContinuousClock.Instant
    }

    /// The way over which it pushes to the next hop.
    enum Edge: Sendable, Equatable {
        case none
        case opening(HopID)
        case open(HopID)
    }

    let member: ChainMember
    var edge = Edge.none
    /// How often pushing to the next hop came to nothing, less what has been made good.
    private(set) var brokenEdges = 0
    /// Steps that it pushed since the last time, or since the last that was made good.
    private var goodPushes = 0
    /// Whether its session may still take pushes from a hop over whose edge none are to come.
    private(set) var mustRefusePushes = false
    /// What it was given, and is to be given.
    var log = SpanLog<Payload>()
    /// Tokens that its session holds.
    var held = 0
    /// In the order in which they were sent.
    var outstanding: [Outstanding] = []
    var lost: Lost?
    /// Whether its peer said that it is about to go.
    var isLeaving = false
    /// Whether it is worth looking for somebody who could stand in.
    var mayBePrepared = true
    /// Who failed to.
    var poorUnderstudies: Set<PeerID> = []
    /// Steps that its session was given.
    private var steps: UInt32 = 0
    /// Where the last of these ended: as far as the session may reach.
    private var reach = 0
    /// What a token takes, as a moving average over its steps; nil before the first.
    private var pace: Duration?
    private var lastAnswer: ContinuousClock.Instant?

    init(_ member: ChainMember) {
        self.member = member
    }

    /// Tokens that its session holds once every outstanding step is answered.
    var sent: Int { self.outstanding.last?.tokens.upperBound ?? self.held }

    /// Whether it may be given one more step. Those that are pushed come another way than those that are sent, so the ones
    /// would overtake the others.
    func hasRoom(pushed isPushed: Bool) -> Bool {
        self.outstanding.count < (self.member.takesStepsAhead ? Limits.stepsAhead : 1)
            && self.outstanding.allSatisfy { $0.isPushed == isPushed }
    }

    /// From its next step on, pushes are refused, until one that says so is answered.
    mutating func refusePushes() {
        self.mustRefusePushes = true
        // Those on their way may have come before what they are to undo.
        for place in self.outstanding.indices { self.outstanding[place].refusesPushes = false }
    }

    /// Whether steps are on their way, or to come, that refuse pushes: they would end what was opened meanwhile.
    var isRefusingPushes: Bool { self.mustRefusePushes || self.outstanding.contains(where: \.refusesPushes) }

    /// Whether the hop before it sends this step.
    func isPushed(_ id: StepID) -> Bool { self.outstanding.contains { $0.id == id && $0.isPushed } }

    /// Notes a step that is about to be sent.
    ///
    /// - Returns: its number, which rises by one with each, and whether it goes back behind what came before.
    mutating func given(
        _ id: StepID,
        _ tokens: Range<Int>,
        isPushed: Bool = false,
        _ now: ContinuousClock.Instant
    ) -> (UInt32, Bool) {
        defer {
            self.steps += 1
            self.reach = tokens.upperBound
        }
        self.outstanding.append(
            Outstanding(
                id: id,
                tokens: tokens,
                since: now,
                isPushed: isPushed,
                number: self.steps,
                refusesPushes: self.mustRefusePushes && !isPushed
            )
        )
        return (self.steps, tokens.lowerBound > 0 && tokens.lowerBound < self.reach)
    }

    /// How long its last step may take before it is worth looking for somebody else (DESIGN.md §7).
    ///
    /// - Parameter attempts: how often somebody else was looked for in this pass: where everybody is slow, patience grows.
    func deadline(after attempts: Int) -> Duration {
        let tokens = self.outstanding.reduce(0) { $0 + $1.tokens.count }
        let usual = (self.pace ?? Limits.unmeasuredPace) * (Limits.deadlineFactor * tokens)
        let longest = self.pace == nil ? Limits.unmeasuredDeadline * (1 << attempts) : usual
        return max(Limits.stepDeadline, min(usual, longest))
    }

    /// Pushing to the next hop came to nothing.
    mutating func edgeBroke() {
        self.brokenEdges += 1
        self.goodPushes = 0
    }

    /// A step that it pushed was answered.
    mutating func hasPushed() {
        self.goodPushes += 1
        guard self.goodPushes >= Limits.pushesPerBreak else { return }
        self.goodPushes = 0
        self.brokenEdges = max(self.brokenEdges - 1, 0)
    }

    /// It has run a step.
    ///
    /// - Returns: the steps that this leaves with an answer and without one before them that lacks it, and what they gave.
    mutating func ran(
        _ id: StepID,
        _ output: Payload?,
        now: ContinuousClock.Instant
    ) -> [(tokens: Range<Int>, output: Payload?)] {
        guard let place = self.outstanding.firstIndex(where: { $0.id == id }) else { return [] }
        let step = self.outstanding[place]
        let since = max(step.since, self.lastAnswer ?? step.since)
        let sample = since.duration(to: now) / max(step.tokens.count, 1)
        self.pace = self.pace.map { ($0 * 7 + sample) / 8 } ?? sample
        self.lastAnswer = now
        self.outstanding[place].answer = Answer(output: output)
        if step.refusesPushes { self.mustRefusePushes = false }
        var ready: [(tokens: Range<Int>, output: Payload?)] = []
        while let first = self.outstanding.first, let answer = first.answer {
            self.outstanding.removeFirst()
            self.held = first.tokens.upperBound
            // Less than it was given where the sequence was cut back meanwhile.
            let isWhole = answer.output.map { $0.tokenCount == first.tokens.count } ?? true
            ready.append((first.tokens, isWhole ? answer.output : answer.output?.rows(0..<first.tokens.count)))
        }
        return ready
    }

    /// The sequence goes on from `position`, whatever came after it before.
    mutating func cut(to position: Int) {
        self.log.cut(to: position)
        self.held = min(self.held, position)
        // Of a step that is under way, what comes after it is as wrong as what was held.
        for place in self.outstanding.indices where self.outstanding[place].tokens.upperBound > position {
            self.outstanding[place].tokens = min(self.outstanding[place].tokens.lowerBound, position)..<position
        }
    }
}
