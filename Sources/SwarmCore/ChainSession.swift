package import P2PWire
package import ShardProtocol

/// One sequence over a chain of hops, which outlives any of them: a value that is told what happened and says what to do.
///
/// Every hop has a log of what its span was given and a mark up to where its session has run it. What to do next is
/// always the same: give every hop that is behind its log the next tokens of it. In an undisturbed sequence these are of
/// the pass that just began, chunk by chunk, and while one hop runs a chunk the hop before runs the next. A replacement
/// takes over the log with a mark of its own, so it is given everything again, in chunks, and what it answers is dropped
/// where the next hop had it already. That the sequence then goes on to the bit as it would have is the kernels' doing,
/// whose results do not depend on how tokens are cut into steps (DESIGN.md §6).
///
/// Whatever happened, the actions that follow are all there are to be taken: none is repeated, and an event that changes
/// nothing has none.
///
/// A session on a hop is never given a step twice. Whatever fails there is tried on another session, so a plain 1.0.0
/// server, which would append a repeated step, needs no other rule.
package struct ChainSession<Payload: SpanPayload>: Sendable {
    package struct Step: Sendable {
        package var id: StepID
        package var hop: HopID
        /// Counts the steps of the hop's session; the first is 0.
        package var number: UInt32
        /// Position of the first token.
        package var position: Int
        /// Whether the hop's session may hold tokens from that position on, which are to be forgotten.
        package var goesBack: Bool
        package var payload: Payload
        package var wantsLogits: Bool
        /// How many of the last tokens are guesses; the logits of these, and of the token before, are wanted together.
        package var guesses: Int
        /// Whether steps before it are not answered yet, so that it waits for them wherever it arrives.
        package var isAhead: Bool
        /// Whether it ends the chain, so that nobody needs what it answers but the pass.
        package var isLast: Bool
        /// ``late(_:now:)`` is to be told when it takes longer.
        package var deadline: Duration
        /// The same step on the hops behind it, each of which is pushed to by the one before.
        package var pushes: [Push] = []
        /// Whether the hop's session is to take pushes from nobody, from this step on and until a way to it is opened.
        package var refusesPushes = false
    }

    /// A part of the chain that needs other peers.
    package struct Vacancy: Hashable, Sendable {
        /// Tells its plan from those of vacancies that were given up.
        package var id: StepID
        package var blocks: BlockRange
        package var excluding: Set<PeerID>
        /// Who ran them before, or the last of those who did.
        package var lost: ChainMember
        /// Whether nothing goes on before somebody is found: then it is worth waiting until it makes sense to search again.
        package var isUrgent = false
    }

    package enum Action: Sendable {
        /// ``answered(_:with:now:)`` or ``failed(_:_:now:)`` is to follow, and ``late(_:now:)`` may come before.
        case send(Step)
        /// Find hops that tile the vacancy: ``planned(_:_:now:)`` or ``unplanned(_:now:)`` is to follow.
        case plan(Vacancy)
        /// Open another session on the same peer: ``planned(_:_:now:)`` or ``unplanned(_:now:)`` is to follow.
        case reopen(Vacancy)
        /// So many tokens of the sequence have gone through every block, and the pass goes on.
        case reached(Int)
        /// The pass has gone through every block.
        case finished
        /// The pass cannot be run; why is what the shell reported last.
        case fail
    }

    /// A span that went to other peers.
    package struct Recovery: Hashable, Sendable {
        package var lost: ChainMember
        package var loss: Loss
        package var replacements: [ChainMember]
        /// Tokens that the replacements had to be given again.
        package var tokens: Int
        /// From the beginning of the step that was not answered until the replacements had caught up.
        package var duration: Duration
    }

    struct OpenRecovery: Sendable {
        var recovery: Recovery
        var since: ContinuousClock.Instant
    }

    struct Search: Sendable {
        var vacancy: Vacancy
        var loss: Loss
        var since: ContinuousClock.Instant
    }

    struct Pass: Sendable {
        let start: Int
        var end: Int
        /// The most tokens in a step.
        let chunk: Int
        var wantsLogits: Bool
        var guesses: Int

        /// Where the tokens begin that are run together because of the guesses among them.
        var together: Int { self.guesses > 0 ? self.end - self.guesses - 1 : .max }
    }

    /// In the order of their blocks; never empty.
    var links: [ChainLink<Payload>]
    var understudies: [Understudy<Payload>] = []
    /// What an understudy is looked for.
    var preparation: Vacancy?
    let chunk: Int
    let isRecoverable: Bool
    let keepsStandbys: Bool
    /// How often a way from one hop to the next is tried; 0 where nothing is to be pushed.
    let maxPushes: Int
    private let loggedBytes: Int
    /// Whether activations are kept: not any more once they were too many.
    var keepsActivations: Bool
    var pass: Pass?
    var search: Search?
    /// Peers that failed in this pass.
    var excluded: Set<PeerID> = []
    /// Peers that have forgotten a session of this sequence.
    var forgetful: Set<PeerID> = []
    var attempts = 0
    private var nextStep: UInt64 = 0
    var open: [OpenRecovery] = []
    var recovered: [Recovery] = []
    var retired: [HopID] = []
    var dropped: [DroppedPush] = []

    /// - Parameters:
    ///   - members: in the order of their blocks, each beginning where the one before ends; at least one.
    ///   - chunk: the most tokens that a hop is given at once when it is given them again.
    ///   - isRecoverable: whether there is anybody else to ask; nothing is kept otherwise.
    ///   - keepsStandbys: whether somebody is to stand by for every hop.
    ///   - pushes: whether steps go from hop to hop where these can (``ChainMember/pushes``).
    package init(
        _ members: [ChainMember],
        chunk: Int,
        isRecoverable: Bool = true,
        keepsStandbys: Bool = false,
        pushes: Bool = true,
        loggedBytes: Int = Limits.loggedBytes
    ) {
        precondition(!members.isEmpty && chunk > 0, "a chain has a hop, and a step has a token")
        self.links = members.map { ChainLink($0) }
        self.chunk = chunk
        self.isRecoverable = isRecoverable
        self.keepsStandbys = keepsStandbys
        self.maxPushes = pushes ? Limits.edgeAttempts : 0
        self.loggedBytes = loggedBytes
        self.keepsActivations = isRecoverable
    }

    /// So many tokens of the sequence have gone through every block.
    package var length: Int {
        @specialized(where Payload == SpanInput)
        get { self.links[self.links.count - 1].held }
    }

    package var members: [ChainMember] {
        @specialized(where Payload == SpanInput)
        get { self.links.map(\.member) }
    }

    /// What has been kept for others to be given, in bytes.
    package var keptBytes: Int {
        let beside = self.understudies.reduce(0) { $0 + $1.links.reduce(0) { $0 + $1.log.byteCount } }
        return self.links.reduce(beside) { $0 + $1.log.byteCount }
    }

    /// The sessions that are to be closed, each once.
    @specialized(where Payload == SpanInput)
    package mutating func takeRetired() -> [HopID] {
        defer { self.retired = [] }
        return self.retired
    }

    /// The recoveries that have ended, each once.
    @specialized(where Payload == SpanInput)
    package mutating func takeRecovered() -> [Recovery] {
        defer { self.recovered = [] }
        return self.recovered
    }
}

// MARK: - Passes

extension ChainSession {
    /// A pass begins: `payload` is what block 0 is given from `position` on; what came there before is forgotten.
    ///
    /// - Parameters:
    ///   - position: the length of the sequence, or less.
    ///   - guesses: how many of the last tokens are guesses, of which logits are wanted as well.
    ///   - chunk: the most tokens that go through the chain as one step; nil for as many as are given again.
    @specialized(where Payload == SpanInput)
    package mutating func begin(
        _ payload: Payload,
        at position: Int,
        wantsLogits: Bool,
        guesses: Int = 0,
        chunk: Int? = nil,
        now: ContinuousClock.Instant
    ) -> [Action] {
        for index in self.links.indices { self.links[index].cut(to: position) }
        for index in self.understudies.indices {
            for place in self.understudies[index].links.indices {
                self.understudies[index].links[place].cut(to: position)
            }
        }
        if !self.understudies.isEmpty { self.relieve(now) }
        precondition(self.links[0].log.end == position, "a pass begins where the sequence ends, or before")
        self.links[0].log.append(payload)
        self.pass = Pass(
            start: position,
            end: position + payload.tokenCount,
            chunk: min(max(chunk ?? self.chunk, 1), self.chunk),
            wantsLogits: wantsLogits,
            guesses: guesses
        )
        return self.next(now)
    }

    /// Nobody wants the rest of the pass that has not been sent yet: it ends with what has, and without logits.
    package mutating func curtail(now: ContinuousClock.Instant) -> [Action] {
        guard let pass = self.pass else { return [] }
        // A hop that was pushed to may hold more than the log of what it was given, or the hop before it.
        let end = self.links.dropFirst().reduce(max(pass.start, self.links[0].sent)) { max($0, $1.log.end, $1.sent) }
        guard end < pass.end else { return [] }
        self.links[0].log.cut(to: end)
        self.pass?.end = end
        self.pass?.wantsLogits = false
        self.pass?.guesses = 0
        return self.next(now)
    }

    /// A hop has run its step.
    ///
    /// - Parameters:
    ///   - output: what the next hop is to be given; nil from the last.
    ///   - isLeaving: whether its peer said that it is about to go.
    @specialized(where Payload == SpanInput)
    package mutating func answered(
        _ id: StepID,
        with output: Payload?,
        isLeaving: Bool = false,
        now: ContinuousClock.Instant
    ) -> [Action] {
        // An old hop that wakes up has nothing to say any more.
        guard let index = self.index(of: id) else { return [] }
        if self.search.map({ $0.loss == .late && $0.vacancy.lost == self.links[index].member }) ?? false {
            self.search = nil
        }
        if self.links[index].isPushed(id) { self.links[index - 1].hasPushed() }
        let ran = self.links[index].ran(id, output, now: now)
        if isLeaving { self.links[index].isLeaving = true }
        for (tokens, output) in ran where index + 1 < self.links.count && !tokens.isEmpty {
            if let output { self.links[index + 1].log.append(output, at: tokens.lowerBound) }
        }
        self.forget(index)
        self.endRecoveries(now)
        let actions = self.next(now)
        guard let pass = self.pass, index == self.links.count - 1, !ran.isEmpty, self.links[index].held > pass.start
        else { return actions }
        return actions + [.reached(self.links[index].held)]
    }

    /// Whether a step is still waited for.
    @specialized(where Payload == SpanInput)
    package func isOutstanding(_ id: StepID) -> Bool { self.index(of: id) != nil }

    /// Gives every hop that is behind its log the next tokens of it, and looks for others where one is lost.
    mutating func next(_ now: ContinuousClock.Instant) -> [Action] {
        guard let pass = self.pass else { return [] }
        guard self.links[self.links.count - 1].held < pass.end else {
            self.pass = nil
            self.search = nil
            self.attempts = 0
            self.excluded = []
            return [.finished]
        }
        var actions: [Action] = []
        if let search = self.seek() { actions.append(search) }
        for index in self.links.indices where !self.isVacant(index) {
            while let tokens = self.portion(index, pass) { actions.append(.send(self.step(index, tokens, pass, now))) }
        }
        return actions
    }

    private mutating func step(
        _ index: Int,
        _ tokens: Range<Int>,
        _ pass: Pass,
        _ now: ContinuousClock.Instant
    ) -> Step {
        let isLast = index == self.links.count - 1
        let id = self.nextID()
        let (number, goesBack) = self.links[index].given(id, tokens, now)
        let onward = self.pushes(after: index, tokens, pass, now)
        let link = self.links[index]
        let wantsLogits = isLast && pass.wantsLogits && tokens.upperBound == pass.end
        return Step(
            id: id,
            hop: link.member.id,
            number: number,
            position: tokens.lowerBound,
            goesBack: goesBack || onward.goBack,
            payload: link.log.payload(tokens),
            wantsLogits: wantsLogits,
            guesses: wantsLogits ? pass.guesses : 0,
            isAhead: link.outstanding.count > 1,
            isLast: isLast,
            deadline: link.deadline(after: self.attempts),
            pushes: onward.pushes,
            refusesPushes: link.mustRefusePushes
        )
    }

    /// The next tokens of a hop: a chunk of those that it is behind, or those that guesses hold together.
    private func portion(_ index: Int, _ pass: Pass) -> Range<Int>? {
        let link = self.links[index]
        guard link.hasRoom(pushed: false), link.sent < link.log.end else { return nil }
        let chunk = link.sent < pass.start ? self.chunk : pass.chunk
        guard pass.guesses > 0, index == self.links.count - 1 else {
            return link.sent..<min(link.log.end, link.sent + chunk)
        }
        guard link.sent < pass.together else { return link.log.end == pass.end ? link.sent..<pass.end : nil }
        return link.sent..<min(link.log.end, pass.together, link.sent + chunk)
    }

    mutating func nextID() -> StepID {
        defer { self.nextStep += 1 }
        return StepID(rawValue: self.nextStep)
    }

    func index(of id: StepID) -> Int? {
        self.links.firstIndex { $0.outstanding.contains { $0.id == id } }
    }

    /// Keeps the bound on what is kept: token ids always, activations while they fit.
    private mutating func forget(_ index: Int) {
        if self.keepsActivations, self.keptBytes > self.loggedBytes {
            self.keepsActivations = false
            for hop in self.understudies.map(\.hop) { self.dismiss(hop) }
            for other in self.links.indices.dropFirst() { self.links[other].log.forget(before: self.links[other].held) }
        }
        guard !self.keepsActivations, index > 0 || !self.isRecoverable else { return }
        self.links[index].log.forget(before: self.links[index].held)
    }
}
