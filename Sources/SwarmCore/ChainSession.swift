package import P2PWire
package import ShardProtocol

/// One sequence over a chain of hops, which outlives any of them: a value that is told what happened and says what to do.
///
/// Every hop has a log of what its span was given and a mark up to where its session has run it. What to do next is
/// always the same: give the first hop that is behind its log the next tokens of it. In an undisturbed sequence that is
/// the pass that just began. A replacement takes over the log with a mark of its own, so it is given everything again, in
/// chunks, and what it answers is dropped where the next hop had it already. That the sequence then goes on to the bit
/// as it would have is the kernels' doing, whose results do not depend on how tokens are cut into steps (DESIGN.md §6).
///
/// A session on a hop is never given a step twice. Whatever fails there is tried on another session, so a plain 1.0.0
/// server, which would append a repeated step, needs no other rule.
package struct ChainSession<Payload: SpanPayload>: Sendable {
    package struct Step: Sendable {
        package var id: StepID
        package var hop: HopID
        /// Position of the first token.
        package var position: Int
        package var payload: Payload
        package var wantsLogits: Bool
        /// Whether it ends the chain, so that nobody needs what it answers but the pass.
        package var isLast: Bool
        /// ``late(_:now:)`` is to be told when it takes longer.
        package var deadline: Duration
    }

    /// A part of the chain that needs other peers.
    package struct Vacancy: Hashable, Sendable {
        /// Tells its plan from those of vacancies that were given up.
        package var id: StepID
        package var blocks: BlockRange
        package var excluding: Set<PeerID>
        /// Who ran them before, or the last of those who did.
        package var lost: ChainMember
    }

    package enum Action: Sendable {
        /// ``answered(_:with:now:)`` or ``failed(_:_:now:)`` is to follow, and ``late(_:now:)`` may come before.
        case send(Step)
        /// Find hops that tile the vacancy: ``planned(_:_:now:)`` or ``unplanned(_:now:)`` is to follow.
        case plan(Vacancy)
        /// Open another session on the same peer: ``planned(_:_:now:)`` or ``unplanned(_:now:)`` is to follow.
        case reopen(Vacancy)
        /// Nothing, until something that is outstanding happens.
        case wait
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

    private struct Search: Sendable {
        var vacancy: Vacancy
        var loss: Loss
        var since: ContinuousClock.Instant
    }

    private struct Pass: Sendable {
        var end: Int
        var wantsLogits: Bool
    }

    /// In the order of their blocks; never empty.
    var links: [ChainLink<Payload>]
    private let chunk: Int
    private let isRecoverable: Bool
    private let loggedBytes: Int
    /// Whether activations are kept: not any more once they were too many.
    private var keepsActivations: Bool
    private var pass: Pass?
    private var search: Search?
    /// Peers that failed in this pass.
    private var excluded: Set<PeerID> = []
    private var attempts = 0
    private var nextStep: UInt64 = 0
    private var open: [OpenRecovery] = []
    private var recovered: [Recovery] = []
    private var retired: [HopID] = []

    /// - Parameters:
    ///   - members: in the order of their blocks, each beginning where the one before ends; at least one.
    ///   - chunk: the most tokens that a hop is given at once when it is given them again.
    ///   - isRecoverable: whether there is anybody else to ask; nothing is kept otherwise.
    package init(
        _ members: [ChainMember],
        chunk: Int,
        isRecoverable: Bool = true,
        loggedBytes: Int = Limits.loggedBytes
    ) {
        precondition(!members.isEmpty && chunk > 0, "a chain has a hop, and a step has a token")
        self.links = members.map { ChainLink($0) }
        self.chunk = chunk
        self.isRecoverable = isRecoverable
        self.loggedBytes = loggedBytes
        self.keepsActivations = isRecoverable
    }

    package var members: [ChainMember] { self.links.map(\.member) }

    /// What has been kept for others to be given, in bytes.
    package var keptBytes: Int { self.links.reduce(0) { $0 + $1.log.byteCount } }

    /// The sessions that are to be closed, each once.
    package mutating func takeRetired() -> [HopID] {
        defer { self.retired = [] }
        return self.retired
    }

    /// The recoveries that have ended, each once.
    package mutating func takeRecovered() -> [Recovery] {
        defer { self.recovered = [] }
        return self.recovered
    }
}

// MARK: - Passes

extension ChainSession {
    /// A pass begins: `payload` is what block 0 is given from `position` on; what came there before is forgotten.
    ///
    /// - Parameter position: the length of the sequence, or less.
    package mutating func begin(
        _ payload: Payload,
        at position: Int,
        wantsLogits: Bool,
        now: ContinuousClock.Instant
    ) -> Action {
        for index in self.links.indices { self.links[index].cut(to: position) }
        precondition(self.links[0].log.end == position, "a pass begins where the sequence ends, or before")
        self.links[0].log.append(payload)
        self.pass = Pass(end: position + payload.tokenCount, wantsLogits: wantsLogits)
        return self.next(now)
    }

    /// A hop has run its step.
    ///
    /// - Parameter output: what the next hop is to be given; nil from the last.
    package mutating func answered(
        _ id: StepID,
        with output: Payload?,
        now: ContinuousClock.Instant
    ) -> Action {
        // An old hop that wakes up has nothing to say any more.
        guard let index = self.index(of: id), let step = self.links[index].outstanding else { return self.next(now) }
        self.search = nil
        self.links[index].ran(step, now: now)
        if let output, index + 1 < self.links.count {
            let known = self.links[index + 1].log.end
            if known <= step.tokens.lowerBound {
                self.links[index + 1].log.append(output)
            } else if known < step.tokens.upperBound {
                let rows = known - step.tokens.lowerBound..<output.tokenCount
                self.links[index + 1].log.append(output.rows(rows))
            }
        }
        self.forget(index)
        self.endRecoveries(now)
        return self.next(now)
    }

    /// Gives the first hop that is behind its log the next tokens of it.
    private mutating func next(_ now: ContinuousClock.Instant) -> Action {
        guard let pass = self.pass else { return .wait }
        for index in self.links.indices where self.links[index].held < self.links[index].log.end {
            guard self.search == nil, self.links[index].outstanding == nil else { return .wait }
            return .send(self.step(index, pass, now))
        }
        self.pass = nil
        self.attempts = 0
        self.excluded = []
        return .finished
    }

    private mutating func step(_ index: Int, _ pass: Pass, _ now: ContinuousClock.Instant) -> Step {
        let link = self.links[index]
        let tokens = link.held..<min(link.log.end, link.held + self.chunk)
        let id = self.nextID()
        self.links[index].outstanding = ChainLink.Outstanding(id: id, tokens: tokens, since: now)
        let isLast = index == self.links.count - 1
        return Step(
            id: id,
            hop: link.member.id,
            position: tokens.lowerBound,
            payload: link.log.payload(tokens),
            wantsLogits: isLast && pass.wantsLogits && tokens.upperBound == pass.end,
            isLast: isLast,
            deadline: link.deadline(tokens: tokens.count)
        )
    }

    private mutating func nextID() -> StepID {
        defer { self.nextStep += 1 }
        return StepID(rawValue: self.nextStep)
    }

    private func index(of id: StepID) -> Int? {
        self.links.firstIndex { $0.outstanding?.id == id }
    }

    /// Keeps the bound on what is kept: token ids always, activations while they fit.
    private mutating func forget(_ index: Int) {
        if self.keepsActivations, self.keptBytes > self.loggedBytes {
            self.keepsActivations = false
            for other in self.links.indices.dropFirst() { self.links[other].log.forget(before: self.links[other].held) }
        }
        guard !self.keepsActivations, index > 0 || !self.isRecoverable else { return }
        self.links[index].log.forget(before: self.links[index].held)
    }
}

// MARK: - Losses

extension ChainSession {
    /// A hop did not run its step. It is not known whether it will.
    package mutating func failed(_ id: StepID, _ loss: Loss, now: ContinuousClock.Instant) -> Action {
        guard let index = self.index(of: id), let step = self.links[index].outstanding else { return self.next(now) }
        self.links[index].outstanding = nil
        self.search = nil
        guard self.isRecoverable, loss != .fault, self.attempts < Limits.recoveryAttempts else { return self.giveUp() }
        self.attempts += 1
        // Who has forgotten what it never held forgets everything.
        let mayReopen = loss == .forgotten && self.links[index].held > 0
        if !mayReopen, let peer = self.links[index].member.peer { self.excluded.insert(peer) }
        let vacancy = self.vacancy(index, excluding: self.excluded)
        self.search = Search(vacancy: vacancy, loss: loss, since: step.since)
        let isWhole = vacancy.blocks == self.links[index].member.blocks
        return mayReopen && isWhole ? .reopen(vacancy) : .plan(vacancy)
    }

    /// A step is beyond its deadline. Its hop is waited for all the same, unless somebody else can be found meanwhile.
    package mutating func late(_ id: StepID, now: ContinuousClock.Instant) -> Action {
        guard let index = self.index(of: id), let step = self.links[index].outstanding, !step.isWaitedFor,
            self.search == nil, self.isRecoverable, self.attempts < Limits.recoveryAttempts
        else { return .wait }
        self.attempts += 1
        self.links[index].outstanding?.isWaitedFor = true
        var excluded = self.excluded
        if let peer = self.links[index].member.peer { excluded.insert(peer) }
        let vacancy = self.vacancy(index, excluding: excluded)
        self.search = Search(vacancy: vacancy, loss: .late, since: step.since)
        return .plan(vacancy)
    }

    /// Others were found.
    ///
    /// - Parameter members: with ids of their own, in the order of their blocks; they tile the vacancy.
    package mutating func planned(
        _ id: StepID,
        _ members: [ChainMember],
        now: ContinuousClock.Instant
    ) -> Action {
        guard let search = self.search, search.vacancy.id == id else {
            // Whoever was to be replaced has answered meanwhile.
            self.retired += members.map(\.id)
            return self.next(now)
        }
        guard Self.tile(search.vacancy.blocks, members), let lost = self.indices(of: search.vacancy.blocks) else {
            self.retired += members.map(\.id)
            return self.unplanned(id, now: now)
        }
        self.search = nil
        self.excluded.formUnion(search.vacancy.excluding)
        self.begin(
            Recovery(
                lost: search.vacancy.lost,
                loss: search.loss,
                replacements: members,
                tokens: self.links[lost.lowerBound].held,
                duration: .zero
            ),
            since: search.since
        )
        var links = members.map { ChainLink<Payload>($0) }
        links[0].log = self.links[lost.lowerBound].log
        self.retired += self.links[lost].map(\.member.id)
        self.links.replaceSubrange(lost, with: links)
        return self.next(now)
    }

    /// Nobody was found.
    package mutating func unplanned(_ id: StepID, now: ContinuousClock.Instant) -> Action {
        guard var search = self.search, search.vacancy.id == id else { return self.next(now) }
        // A slow peer is not a dead one.
        if search.loss == .late {
            self.search = nil
            return .wait
        }
        // Whoever failed once may do better than nobody.
        guard !search.vacancy.excluding.isEmpty, self.attempts < Limits.recoveryAttempts else { return self.giveUp() }
        self.attempts += 1
        self.excluded = []
        search.vacancy.excluding = []
        search.vacancy.id = self.nextID()
        self.search = search
        return .plan(search.vacancy)
    }

    private mutating func giveUp() -> Action {
        self.pass = nil
        self.search = nil
        return .fail
    }

    /// What has to be run elsewhere when a hop is lost: its span, and those before it whose output was not kept.
    private mutating func vacancy(_ index: Int, excluding: Set<PeerID>) -> Vacancy {
        // The first always is: token ids are kept in any case.
        let first = self.links[...index].lastIndex { $0.log.isWhole } ?? 0
        let lost = self.links[index].member
        let blocks = try? BlockRange(self.links[first].member.blocks.lowerBound, lost.blocks.upperBound)
        return Vacancy(id: self.nextID(), blocks: blocks ?? lost.blocks, excluding: excluding, lost: lost)
    }

    /// The hops that run exactly these blocks.
    private func indices(of blocks: BlockRange) -> Range<Int>? {
        guard let first = self.links.firstIndex(where: { $0.member.blocks.lowerBound == blocks.lowerBound }),
            let last = self.links.firstIndex(where: { $0.member.blocks.upperBound == blocks.upperBound }), first <= last
        else { return nil }
        return first..<last + 1
    }

    private static func tile(_ blocks: BlockRange, _ members: [ChainMember]) -> Bool {
        var next = blocks.lowerBound
        for member in members {
            guard member.blocks.lowerBound == next else { return false }
            next = member.blocks.upperBound
        }
        return next == blocks.upperBound
    }
}

// MARK: - Recoveries

extension ChainSession {
    private mutating func begin(_ recovery: Recovery, since: ContinuousClock.Instant) {
        // One whose replacement is lost in its turn ends with that one's.
        for index in self.open.indices {
            let replacements = self.open[index].recovery.replacements
            guard replacements.contains(recovery.lost) else { continue }
            self.open[index].recovery.replacements =
                replacements.filter { $0 != recovery.lost } + recovery.replacements
        }
        self.open.append(OpenRecovery(recovery: recovery, since: since))
    }

    /// A recovery ends when all hops up to its last replacement have caught up.
    private mutating func endRecoveries(_ now: ContinuousClock.Instant) {
        guard !self.open.isEmpty else { return }
        let behind = self.links.first { $0.held < $0.log.end }?.member.blocks.lowerBound ?? .max
        for recovery in self.open where recovery.recovery.lost.blocks.upperBound <= behind {
            var ended = recovery.recovery
            ended.duration = recovery.since.duration(to: now)
            self.recovered.append(ended)
        }
        self.open.removeAll { $0.recovery.lost.blocks.upperBound <= behind }
    }
}
