internal import ShardProtocol

/// Other sessions for the span of a hop, which are given what it is given, behind its back.
///
/// Where the hop leaves they take over between two steps; where it is lost, they are nearly there.
struct Understudy<Payload: SpanPayload>: Sendable {
    /// The hop that it can stand in for; its log is the log of the first of ``links``.
    var hop: HopID
    var links: [ChainLink<Payload>]

    /// How many tokens the last of them lacks of what the hop was given.
    func lag(behind end: Int) -> Int { end - (self.links.last?.held ?? 0) }
}

// MARK: - In the background

extension ChainSession {
    /// What to do beside the passes, one thing at a time.
    package enum Chore: Sendable {
        /// ``fed(_:with:now:)`` or ``starved(_:now:)`` is to follow.
        case send(Step)
        /// Find hops that tile the vacancy: ``prepared(_:_:)`` or ``unprepared(_:)`` is to follow.
        case prepare(Vacancy)
        /// Have a hop push to the next one, as long as it takes: ``connected(_:isOpen:)`` is to follow.
        case connect(Edge)
    }

    /// Whether ``nextChore(now:)`` or ``takeRetired()`` has something.
    package var hasChores: Bool {
        @specialized(where Payload == SpanInput)
        get {
            guard self.retired.isEmpty, self.missingEdge == nil else { return true }
            guard !self.isBusyBeside else { return false }
            return self.candidate != nil || self.understudies.indices.contains { self.due($0) != nil }
        }
    }

    /// The next thing to do; nil while one is being done, or when there is none. Any number of ways may be opened beside.
    @specialized(where Payload == SpanInput)
    package mutating func nextChore(now: ContinuousClock.Instant) -> Chore? {
        if let index = self.missingEdge { return .connect(self.open(index)) }
        guard !self.isBusyBeside else { return nil }
        for index in self.understudies.indices {
            if let (position, tokens) = self.due(index) { return .send(self.feed(index, position, tokens, now)) }
        }
        guard let index = self.candidate else { return nil }
        let member = self.links[index].member
        var excluding = self.links[index].poorUnderstudies
        if let peer = member.peer { excluding.insert(peer) }
        let vacancy = Vacancy(id: self.nextID(), blocks: member.blocks, excluding: excluding, lost: member)
        self.preparation = vacancy
        return .prepare(vacancy)
    }

    private var isBusyBeside: Bool {
        self.preparation != nil
            || self.understudies.contains { $0.links.contains { !$0.outstanding.isEmpty } }
    }

    /// A hop that has no understudy and should have one.
    private var candidate: Int? {
        guard self.isRecoverable, self.keepsActivations else { return nil }
        return self.links.indices.first { index in
            let link = self.links[index]
            return (link.isLeaving || self.keepsStandbys) && link.held > 0 && link.mayBePrepared
                && !self.understudies.contains { $0.hop == link.member.id }
        }
    }

    /// Which session of an understudy lacks the most tokens, and which it is to be given.
    private func due(_ index: Int) -> (position: Int, tokens: Range<Int>)? {
        let understudy = self.understudies[index]
        guard let span = self.links.first(where: { $0.member.id == understudy.hop }) else { return nil }
        var due: (position: Int, tokens: Range<Int>)?
        for (position, link) in understudy.links.enumerated() {
            let end = position == 0 ? span.log.end : link.log.end
            // A standby is given several tokens at once: that costs its peer less.
            let enough = span.isLeaving || position > 0 ? 1 : Limits.standbyLag
            let lacking = end - link.held
            guard lacking >= enough, lacking > due?.tokens.count ?? 0 else { continue }
            due = (position, link.held..<end)
        }
        return due.map { ($0.position, $0.tokens.prefix(self.chunk)) }
    }

    private mutating func feed(
        _ index: Int,
        _ position: Int,
        _ tokens: Range<Int>,
        _ now: ContinuousClock.Instant
    ) -> Step {
        let understudy = self.understudies[index]
        let span = self.links.first { $0.member.id == understudy.hop }
        let log = position == 0 ? span?.log ?? understudy.links[0].log : understudy.links[position].log
        let id = self.nextID()
        let (number, goesBack) = self.understudies[index].links[position].given(id, tokens, now)
        let link = self.understudies[index].links[position]
        return Step(
            id: id,
            hop: link.member.id,
            number: number,
            position: tokens.lowerBound,
            goesBack: goesBack,
            payload: log.payload(tokens),
            wantsLogits: false,
            guesses: 0,
            isAhead: false,
            isLast: link.member.blocks.upperBound == self.links.last?.member.blocks.upperBound,
            deadline: link.deadline(after: self.attempts)
        )
    }

    /// Somebody was found for a vacancy of ``Chore/prepare(_:)``.
    package mutating func prepared(_ id: StepID, _ members: [ChainMember]) {
        guard let vacancy = self.preparation, vacancy.id == id else {
            self.retired += members.map(\.id)
            return
        }
        self.preparation = nil
        guard let index = self.links.firstIndex(where: { $0.member == vacancy.lost }) else {
            self.retired += members.map(\.id)
            return
        }
        // A step that is taken over while it is under way is sent twice, which not everybody bears.
        guard Self.tile(vacancy.blocks, members), members.allSatisfy(\.isExact) else {
            self.retired += members.map(\.id)
            self.links[index].mayBePrepared = false
            return
        }
        self.understudies.append(Understudy(hop: vacancy.lost.id, links: members.map { ChainLink($0) }))
    }

    /// Nobody was found: a loss will have to do without.
    package mutating func unprepared(_ id: StepID) {
        guard let vacancy = self.preparation, vacancy.id == id else { return }
        self.preparation = nil
        guard let index = self.links.firstIndex(where: { $0.member == vacancy.lost }) else { return }
        self.links[index].mayBePrepared = false
    }

    /// An understudy has run its step.
    @specialized(where Payload == SpanInput)
    package mutating func fed(_ id: StepID, with output: Payload?, now: ContinuousClock.Instant) {
        guard let (index, position) = self.understudy(of: id) else { return }
        let ran = self.understudies[index].links[position].ran(id, output, now: now)
        guard position + 1 < self.understudies[index].links.count else { return }
        for (tokens, output) in ran where !tokens.isEmpty {
            guard let output else { continue }
            self.understudies[index].links[position + 1].log.append(output, at: tokens.lowerBound)
        }
    }

    /// Nobody waits any more for what ``nextChore(now:)`` asked for, and nobody is to blame.
    package mutating func interrupted(_ id: StepID) {
        if self.preparation?.id == id { self.preparation = nil }
        guard let (index, position) = self.understudy(of: id) else { return }
        self.understudies[index].links[position].outstanding = []
    }

    /// An understudy did not run its step: it is given up, and its peers are not asked again.
    package mutating func starved(_ id: StepID) {
        guard let (index, position) = self.understudy(of: id) else { return }
        let understudy = self.understudies[index]
        let span = self.links.firstIndex { $0.member.id == understudy.hop }
        if let span, let peer = understudy.links[position].member.peer {
            self.links[span].poorUnderstudies.insert(peer)
            self.links[span].mayBePrepared = self.links[span].poorUnderstudies.count < Limits.recoveryAttempts
        }
        self.dismiss(understudy.hop)
    }

    private func understudy(of id: StepID) -> (index: Int, position: Int)? {
        for index in self.understudies.indices {
            let position = self.understudies[index].links.firstIndex { $0.outstanding.contains { $0.id == id } }
            if let position { return (index, position) }
        }
        return nil
    }

    /// Nobody needs to stand in for this hop any more.
    mutating func dismiss(_ hop: HopID) {
        for understudy in self.understudies where understudy.hop == hop {
            self.retired += understudy.links.map(\.member.id)
        }
        self.understudies.removeAll { $0.hop == hop }
    }
}

// MARK: - Taking over

extension ChainSession {
    /// Puts the understudies of hops that leave in their place, as far as they have caught up.
    mutating func relieve(_ now: ContinuousClock.Instant) {
        for understudy in self.understudies {
            guard let index = self.links.firstIndex(where: { $0.member.id == understudy.hop }),
                self.links[index].isLeaving, understudy.lag(behind: self.links[index].held) <= Limits.standbyLag
            else { continue }
            self.takeOver(index, .leaving, since: now)
        }
    }

    /// Puts the understudy of a hop in its place; false where it has none.
    @discardableResult
    mutating func takeOver(_ index: Int, _ loss: Loss, since: ContinuousClock.Instant) -> Bool {
        let lost = self.links[index]
        guard let place = self.understudies.firstIndex(where: { $0.hop == lost.member.id }) else { return false }
        var links = self.understudies.remove(at: place).links
        links[0].log = lost.log
        // What is under way there is run again: the same step, or a longer one from the same position.
        // What an understudy ran ahead of the hop gave nothing to those after it, so that is run again too.
        for position in links.indices {
            links[position].outstanding = []
            links[position].held = min(links[position].held, lost.held)
        }
        let tokens = lost.held - links.map(\.held).reduce(lost.held, min)
        self.begin(
            Recovery(
                lost: lost.member,
                loss: loss,
                replacements: links.map(\.member),
                tokens: max(tokens, 0),
                duration: .zero
            ),
            since: since
        )
        self.retired.append(lost.member.id)
        self.giveUpEdge(to: index + 1)
        self.links.replaceSubrange(index...index, with: links)
        return true
    }
}
