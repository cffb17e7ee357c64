internal import P2PWire
internal import ShardProtocol

// MARK: - Losses

extension ChainSession {
    /// A hop did not run its step. It is not known whether it will; nor those that it was given behind it.
    package mutating func failed(_ id: StepID, _ loss: Loss, now: ContinuousClock.Instant) -> [Action] {
        guard let index = self.index(of: id) else { return [] }
        let since = self.links[index].outstanding.first?.since ?? now
        self.links[index].outstanding = []
        self.dropPushes(from: index + 1, at: self.links[index].held)
        self.giveUpEdge(to: index + 1)
        guard self.isRecoverable, loss != .fault, self.attempts < Limits.recoveryAttempts else { return self.giveUp() }
        self.attempts += 1
        // Whoever is looked for only because a hop is late has to wait.
        if self.search?.loss == .late { self.search = nil }
        let member = self.links[index].member
        if self.takeOver(index, loss, since: since) {
            if let peer = member.peer { self.excluded.insert(peer) }
        } else {
            self.links[index].lost = .init(loss: loss, since: since)
        }
        return self.next(now)
    }

    /// Looks for somebody in place of a hop that is lost, of one at a time; nil where nothing is to be done.
    mutating func seek() -> Action? {
        guard self.search == nil, let index = self.links.firstIndex(where: { $0.lost != nil }),
            let lost = self.links[index].lost
        else { return nil }
        let mayReopen = lost.loss == .forgotten && self.mayRemember(self.links[index])
        if !mayReopen, let peer = self.links[index].member.peer { self.excluded.insert(peer) }
        var vacancy = self.vacancy(index, excluding: self.excluded)
        vacancy.isUrgent = true
        self.search = Search(vacancy: vacancy, loss: lost.loss, since: lost.since)
        let isWhole = vacancy.blocks == self.links[index].member.blocks
        return mayReopen && isWhole ? .reopen(vacancy) : .plan(vacancy)
    }

    /// Whether a hop that has forgotten its session is given another one: who forgets again, or what it never held, would
    /// forget that one too.
    private mutating func mayRemember(_ link: ChainLink<Payload>) -> Bool {
        guard link.held > 0, let peer = link.member.peer else { return false }
        return self.forgetful.insert(peer).inserted
    }

    /// Whether a hop is lost, or about to be replaced together with one that is.
    func isVacant(_ index: Int) -> Bool {
        if self.links[index].lost != nil { return true }
        guard let search = self.search, search.loss != .late else { return false }
        return search.vacancy.blocks.contains(self.links[index].member.blocks)
    }

    /// A step is beyond its deadline. Its hop is waited for all the same, unless somebody else can be found meanwhile; to be
    /// told again when that takes longer still (``Limits/longestPatience``).
    package mutating func late(_ id: StepID, now: ContinuousClock.Instant) -> [Action] {
        guard let index = self.index(of: id), let step = self.links[index].outstanding.first(where: { $0.id == id })
        else { return [] }
        guard !step.isPushed else {
            // As long as its input is not known either, it is another hop that is late.
            return self.links[index].log.end > step.tokens.lowerBound ? self.astray(id, now: now) : []
        }
        // Those behind a step that is waited for wait with it.
        guard self.search == nil, self.isRecoverable, !step.isWaitedFor || id == self.links[index].outstanding.first?.id
        else { return [] }
        // Whoever answers pings and nothing else would be waited for without end.
        guard self.attempts < Limits.recoveryAttempts else { return self.failed(id, .late, now: now) }
        self.attempts += 1
        let held = self.links[index].held
        if self.takeOver(index, .late, since: step.since) {
            self.dropPushes(from: index + 1, at: held)
            return self.next(now)
        }
        for place in self.links[index].outstanding.indices {
            self.links[index].outstanding[place].isWaitedFor = true
        }
        var excluded = self.excluded
        if let peer = self.links[index].member.peer { excluded.insert(peer) }
        let vacancy = self.vacancy(index, excluding: excluded)
        self.search = Search(vacancy: vacancy, loss: .late, since: step.since)
        return [.plan(vacancy)]
    }

    /// Others were found.
    ///
    /// - Parameter members: with ids of their own, in the order of their blocks; they tile the vacancy.
    package mutating func planned(
        _ id: StepID,
        _ members: [ChainMember],
        now: ContinuousClock.Instant
    ) -> [Action] {
        guard let search = self.search, search.vacancy.id == id else {
            // Whoever was to be replaced has answered meanwhile.
            self.retired += members.map(\.id)
            return []
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
        self.dropPushes(from: lost.upperBound, at: self.links[lost.upperBound - 1].held)
        self.giveUpEdge(to: lost.upperBound)
        for link in self.links[lost] {
            self.dismiss(link.member.id)
            self.retired.append(link.member.id)
        }
        self.links.replaceSubrange(lost, with: links)
        return self.next(now)
    }

    /// Nobody was found.
    package mutating func unplanned(_ id: StepID, now: ContinuousClock.Instant) -> [Action] {
        guard var search = self.search, search.vacancy.id == id else { return [] }
        // A slow peer is not a dead one.
        if search.loss == .late {
            self.search = nil
            return []
        }
        // Whoever failed once may do better than nobody.
        guard !search.vacancy.excluding.isEmpty, self.attempts < Limits.recoveryAttempts else { return self.giveUp() }
        self.attempts += 1
        self.excluded = []
        search.vacancy.excluding = []
        // A search has just found nobody else, and the next would hardly: the user waits.
        search.vacancy.isUrgent = false
        search.vacancy.id = self.nextID()
        self.search = search
        return [.plan(search.vacancy)]
    }

    private mutating func giveUp() -> [Action] {
        self.pass = nil
        self.search = nil
        return [.fail]
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

    static func tile(_ blocks: BlockRange, _ members: [ChainMember]) -> Bool {
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
    mutating func begin(_ recovery: Recovery, since: ContinuousClock.Instant) {
        // One whose replacement is lost in its turn ends with that one's.
        for index in self.open.indices {
            let replacements = self.open[index].recovery.replacements
            guard replacements.contains(recovery.lost) else { continue }
            self.open[index].recovery.replacements =
                replacements.filter { $0 != recovery.lost } + recovery.replacements
        }
        self.open.append(OpenRecovery(recovery: recovery, since: since))
    }

    /// A recovery ends when all hops up to its last replacement have caught up, and with the pass at the latest.
    mutating func endRecoveries(_ now: ContinuousClock.Instant) {
        guard !self.open.isEmpty else { return }
        let isOver = self.pass.map { self.length >= $0.end } ?? true
        let last = self.links.first { $0.held < $0.log.end }?.member.blocks.lowerBound
        let behind = isOver ? .max : last ?? .max
        for recovery in self.open where recovery.recovery.lost.blocks.upperBound <= behind {
            var ended = recovery.recovery
            ended.duration = recovery.since.duration(to: now)
            self.recovered.append(ended)
        }
        self.open.removeAll { $0.recovery.lost.blocks.upperBound <= behind }
    }
}
