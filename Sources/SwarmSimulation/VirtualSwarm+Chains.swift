internal import P2PWire
internal import ShardProtocol
internal import SwarmCore

/// Generations: what `GenerationRun`, `Chain` and `Replacements` do.
extension VirtualSwarm {
    typealias Actions = [ChainSession<ToyRows>.Action]

    /// No ban is shorter.
    private static let leastBan = Duration.seconds(15)

    mutating func begin(_ id: GenerationID, _ task: SimulatedGeneration.Task) {
        self.report.generations += 1
        guard self.coordinators[task.coordinator]?.hasVanished == false else {
            self.unfinished -= 1
            return self.report.ended(.vanished, after: .zero, tokens: 0)
        }
        self.generations[id] = SimulatedGeneration(task, now: self.now)
        self.schedule(.losesPatience(id), in: Self.longestGeneration)
        self.search(for: .begin(id), by: task.coordinator)
    }

    /// Tells or asks a chain session something; nil where there is none any more.
    @discardableResult
    mutating func chain<Result>(
        _ id: GenerationID,
        _ body: (inout ChainSession<ToyRows>, Instant) -> Result
    ) -> Result? {
        // Taken out, so that it is changed in place.
        guard var session = self.generations[id]?.session else { return nil }
        self.generations[id]?.session = nil
        let result = body(&session, self.now)
        self.generations[id]?.session = session
        return result
    }

    /// - Parameter late: the step that is waited for while somebody else is looked for.
    mutating func obey(_ actions: Actions?, of id: GenerationID, late: AttemptID? = nil) {
        for action in actions ?? [] {
            guard self.generations[id] != nil else { return }
            switch action {
            case .send(let step): self.send(step, of: id, isChore: false)
            case .plan(let vacancy): self.fill(vacancy, of: id, late: late)
            case .reopen(let vacancy): self.reopen(vacancy, of: id)
            case .reached(let length): self.reached(length, id)
            case .finished: self.passed(id)
            case .fail: self.end(id, self.generations[id]?.failure ?? .lost(.unable))
            }
        }
    }

    // MARK: Passes

    private mutating func nextPass(_ id: GenerationID) {
        self.generations[id]?.isFinished = false
        guard let pass = self.generations[id]?.nextPass(&self.random) else {
            let isRight = self.generations[id].map { $0.tokens == $0.task.reference } ?? false
            return self.end(id, isRight ? .finished : .wrong)
        }
        self.generations[id]?.pass = pass
        self.generations[id]?.logits = []
        let rows = ToyRows(values: pass.tokens.map(ToyModel.row))
        let chunk = self.generations[id]?.task.chunk
        let actions = self.chain(id) { session, now in
            session.begin(rows, at: pass.position, wantsLogits: true, guesses: pass.guesses, chunk: chunk, now: now)
        }
        self.obey(actions, of: id)
    }

    /// A part of the prompt has been read; whoever waits may have enough.
    private mutating func reached(_ length: Int, _ id: GenerationID) {
        guard let generation = self.generations[id], let end = generation.task.curtailedAt, length >= end,
            generation.pass?.isCurtailed == false, generation.position == 0, generation.tokens.isEmpty
        else { return }
        self.generations[id]?.pass?.isCurtailed = true
        self.obey(self.chain(id) { $0.curtail(now: $1) }, of: id)
    }

    /// The last hop may answer before those whose answers the others' logs are made of.
    mutating func endAwaited(_ id: GenerationID) {
        guard self.generations[id]?.isFinished == true, !self.awaitsAnswers(id) else { return }
        self.passed(id)
    }

    private func awaitsAnswers(_ id: GenerationID) -> Bool {
        self.attempts.values.contains { attempt in
            attempt.generation == id && !attempt.step.pushes.isEmpty
                && self.generations[id]?.session?.isOutstanding(attempt.step.id) == true
        }
    }

    private mutating func passed(_ id: GenerationID) {
        guard !self.awaitsAnswers(id) else {
            self.generations[id]?.isFinished = true
            return
        }
        guard let generation = self.generations[id], let pass = generation.pass else { return }
        // What is still under way is of hops that were left, or that a curtailed pass does without.
        for attempt in self.attempts.filter({ $0.value.generation == id && !$0.value.isChore }).keys.sorted() {
            guard let step = self.attempts[attempt]?.step.id else { continue }
            self.takeBack(attempt)
            self.chain(id) { _ = $0.failed(step, .fault, now: $1) }
        }
        let recovered = self.chain(id) { session, _ in session.takeRecovered() } ?? []
        self.report.recovered(recovered.map { ($0.loss, $0.tokens, $0.duration) })
        let length = self.generations[id]?.session?.length ?? 0
        if generation.logits.isEmpty, pass.isCurtailed, length < generation.task.prompt.count {
            // It goes on after all, from somewhere that it has read already.
            let position = self.goesBack(id) ? Int.random(in: 0...length, using: &self.random) : length
            self.generations[id]?.position = position
            self.report.curtailed += 1
        } else {
            if length != pass.position + pass.tokens.count { self.report.violated("a pass ended at \(length)") }
            self.generations[id]?.draw(after: pass)
        }
        self.tend(id)
        self.nextPass(id)
    }

    /// Whether a generation may take back what it was given: a plain server cannot.
    private func goesBack(_ id: GenerationID) -> Bool {
        self.generations[id]?.members.allSatisfy(\.isExact) ?? false
    }

    // MARK: Others

    mutating func fill(
        _ vacancy: ChainSession<ToyRows>.Vacancy,
        of id: GenerationID,
        late: AttemptID? = nil
    ) {
        if let hops = self.plan(vacancy, of: id) { return self.planned(vacancy, hops, of: id, late: late) }
        guard let generation = self.generations[id] else { return }
        if let last = generation.lastSearch, self.now - last < Search.interval {
            guard vacancy.isUrgent else { return self.unplanned(vacancy, of: id) }
            return self.queue.schedule(.searchesAgain(id, vacancy), at: last + Search.interval)
        }
        let search = self.search(for: .vacancy(id, vacancy, late: late), by: generation.task.coordinator)
        if let late { self.attempts[late]?.search = search }
    }

    mutating func planned(
        _ vacancy: ChainSession<ToyRows>.Vacancy,
        _ hops: [(hop: Hop, server: FoundServer)],
        of id: GenerationID,
        late: AttemptID?
    ) {
        guard let members = self.generations[id]?.take(hops, &self.random) else { return }
        self.obey(self.chain(id) { $0.planned(vacancy.id, members, now: $1) }, of: id)
        if let late { self.checkTakenOver(late, isNew: true) }
        self.tend(id)
    }

    mutating func unplanned(_ vacancy: ChainSession<ToyRows>.Vacancy, of id: GenerationID) {
        self.obey(self.chain(id) { $0.unplanned(vacancy.id, now: $1) }, of: id)
    }

    private mutating func reopen(_ vacancy: ChainSession<ToyRows>.Vacancy, of id: GenerationID) {
        guard let old = self.generations[id]?.spans[vacancy.lost.id], let peer = vacancy.lost.peer else { return }
        self.report.reopened += 1
        if self.generations[id]?.reopened.insert(peer).inserted == false {
            self.report.violated("generation \(id) gives a peer that forgets one session after another")
        }
        let span = SimulatedSpan(
            server: old.server,
            blocks: old.blocks,
            isExact: old.isExact,
            takesStepsAhead: old.takesStepsAhead,
            pushes: old.pushes,
            session: .random(using: &self.random)
        )
        guard let member = self.generations[id]?.take(span, of: peer) else { return }
        self.obey(self.chain(id) { $0.planned(vacancy.id, [member], now: $1) }, of: id)
        self.tend(id)
    }

    /// Hops for a part of the chain, among those that are known.
    mutating func plan(
        _ vacancy: ChainSession<ToyRows>.Vacancy,
        of id: GenerationID
    ) -> [(hop: Hop, server: FoundServer)]? {
        guard let generation = self.generations[id] else { return nil }
        let lost = vacancy.lost.peer.flatMap { generation.chosen[$0] }
        let usable = generation.known.filter { lost?.agrees(with: $0.record) ?? true }
        return try? self.plan(usable, of: id, blocks: vacancy.blocks, excluding: vacancy.excluding)
    }

    mutating func plan(
        _ known: [FoundServer],
        of id: GenerationID,
        blocks: BlockRange? = nil,
        excluding: Set<PeerID> = []
    ) throws(NoRoute) -> [(hop: Hop, server: FoundServer)] {
        guard let task = self.generations[id]?.task, let coordinator = self.coordinators[task.coordinator] else {
            return []
        }
        let candidates = known.map { server in
            var candidate = coordinator.figures.candidate(server.id, server.record, now: self.now)
            candidate.roundTrip = candidate.roundTrip ?? server.roundTrip
            candidate.strikes = coordinator.bans.strikes(of: server.id, now: self.now)
            return candidate
        }
        let planner = ChainPlanner(
            blockCount: self.scenario.blockCount,
            kvBytesPerBlock: SimulatedServer.bytes(of: task.maximumLength)
        )
        let hops = try planner.plan(candidates, blocks: blocks, excluding: excluding)
        // A ban costs more than any chain without one: whoever failed a moment ago, and did nothing right since, is chosen
        // only where nobody who did not fail holds its blocks.
        let failures = coordinator.failures
        if hops.contains(where: { failures[$0.peer].map { self.now - $0 < Self.leastBan } ?? false }),
            (try? planner.plan(candidates, blocks: blocks, excluding: excluding.union(failures.keys))) != nil
        {
            self.report.violated("generation \(id) plans with a peer that failed just now, and could do without")
        }
        return hops.compactMap { hop in known.first { $0.id == hop.peer }.map { (hop, $0) } }
    }

    /// The first chain, once it is known who is there.
    mutating func open(_ id: GenerationID) {
        guard let generation = self.generations[id] else { return }
        do throws(NoRoute) {
            let hops = try self.plan(generation.known, of: id)
            guard let members = self.generations[id]?.take(hops, &self.random) else { return }
            self.say("generation \(id): \(hops.map { "\($0.server.server):\($0.hop.blocks)" })")
            self.generations[id]?.session = ChainSession(
                members,
                chunk: generation.task.chunk,
                keepsStandbys: generation.task.keepsStandbys,
                pushes: generation.task.way == .push || generation.task.way == .auto && members.allSatisfy(\.pushes)
            )
            self.nextPass(id)
            self.tend(id)
        } catch {
            guard generation.hasSearchedAgain || generation.known.isEmpty else {
                self.generations[id]?.hasSearchedAgain = true
                self.search(for: .begin(id), by: generation.task.coordinator)
                return
            }
            self.end(id, .noRoute(error.reason))
        }
    }

    // MARK: Beside the passes

    /// Closes sessions that are over, and prepares whoever may have to take over.
    mutating func tend(_ id: GenerationID) {
        self.closeRetired(id)
        while self.generations[id]?.isTending == false {
            switch self.chain(id, { session, now in session.nextChore(now: now) }) ?? nil {
            case nil: return
            case .send(let step):
                self.generations[id]?.isTending = true
                self.report.fed += 1
                self.send(step, of: id, isChore: true)
            case .prepare(let vacancy): self.prepare(vacancy, of: id)
            case .connect(let edge): self.connect(edge, of: id)
            }
        }
    }

    private mutating func prepare(_ vacancy: ChainSession<ToyRows>.Vacancy, of id: GenerationID) {
        if let hops = self.plan(vacancy, of: id) { return self.prepared(vacancy, hops, of: id) }
        guard let generation = self.generations[id] else { return }
        if let last = generation.lastSearch, self.now - last < Search.interval {
            return self.prepared(vacancy, nil, of: id)
        }
        self.generations[id]?.isTending = true
        self.search(for: .preparation(id, vacancy), by: generation.task.coordinator)
    }

    mutating func prepared(
        _ vacancy: ChainSession<ToyRows>.Vacancy,
        _ hops: [(hop: Hop, server: FoundServer)]?,
        of id: GenerationID
    ) {
        let members = hops.flatMap { self.generations[id]?.take($0, &self.random) }
        self.chain(id) { session, _ in
            if let members { session.prepared(vacancy.id, members) } else { session.unprepared(vacancy.id) }
        }
    }

    private mutating func closeRetired(_ id: GenerationID) {
        guard let coordinator = self.generations[id]?.task.coordinator else { return }
        for span in self.retire(id) { self.close(span, by: coordinator) }
    }

    /// The sessions that are over, each once.
    private mutating func retire(_ id: GenerationID) -> [SimulatedSpan] {
        let retired = self.chain(id) { session, _ in session.takeRetired() } ?? []
        let spans = retired.compactMap { self.generations[id]?.spans.removeValue(forKey: $0) }
        self.generations[id]?.retired += spans
        return spans
    }

    private mutating func close(_ span: SimulatedSpan, by coordinator: Int) {
        guard span.isExact else { return self.drop(span, by: coordinator) }
        guard span.isOpen else { return }
        self.send(.close(span.session), over: Link(dialler: coordinator, server: span.server))
    }

    /// What closes no session ends its stream all the same, where there is still a connection that it is on.
    private mutating func drop(_ span: SimulatedSpan, by coordinator: Int) {
        let link = Link(dialler: coordinator, server: span.server)
        guard span.isOpen, self.network[link].isUsable else { return }
        self.send(.endStream(span.session), over: link)
    }

    private mutating func closeEverything(_ id: GenerationID) {
        guard let coordinator = self.generations[id]?.task.coordinator else { return }
        for span in self.retire(id) { self.close(span, by: coordinator) }
        // A step that was still under way where it was left keeps no stream.
        guard let generation = self.generations[id] else { return }
        for span in generation.retired { self.drop(span, by: coordinator) }
        for hop in generation.spans.keys.sorted(by: { $0.rawValue < $1.rawValue }) {
            guard let span = generation.spans[hop] else { continue }
            self.close(span, by: coordinator)
        }
    }

    // MARK: Ending

    mutating func losePatience(_ id: GenerationID) {
        guard self.generations[id] != nil else { return }
        self.end(id, .hung)
    }

    /// The sessions on all hops are closed however a generation ends; but who vanishes closes nothing.
    mutating func end(_ id: GenerationID, _ end: GenerationEnd) {
        guard self.generations[id] != nil else { return }
        for attempt in self.attempts.filter({ $0.value.generation == id }).keys.sorted() { self.takeBack(attempt) }
        for search in self.searches.filter({ $0.value.generation == id }).keys { self.searches[search] = nil }
        self.openings = self.openings.filter { $0.value.generation != id }
        self.pushes = self.pushes.filter { $0.value.generation != id }
        if end != .vanished {
            self.closeEverything(id)
        }
        guard let generation = self.generations.removeValue(forKey: id) else { return }
        self.unfinished -= 1
        self.say("generation \(id): \(end)")
        self.report.ended(end, after: self.now - generation.began, tokens: generation.tokens.count)
        if self.scenario.keepsHolders, end != .finished, end != .vanished, end != .cancelled {
            self.report.failedWithHolders += 1
        }
    }
}
