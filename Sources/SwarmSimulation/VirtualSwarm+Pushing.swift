internal import P2PWire
internal import ShardProtocol
internal import SwarmCore

/// A step of a session on a hop, as answers name it.
struct StepKey: Hashable, Sendable {
    let link: Link
    let session: SessionID
    let number: UInt32

    init(_ link: Link, _ session: SessionID, _ number: UInt32) {
        (self.link, self.session, self.number) = (link, session, number)
    }
}

/// What one of the two hops of a way was asked for: what `RemoteSpan.open` waits for.
struct Opening: Sendable {
    let generation: GenerationID
    let edge: ChainSession<ToyRows>.Edge
    /// The hop that was asked, and whether it is the one that pushes.
    let hop: HopID
    let link: Link
    let since: ContinuousClock.Instant
    let connection: Int
}

/// A step that one hop is to push to another: what `InferenceStream.expect` keeps.
struct ExpectedPush: Sendable {
    let generation: GenerationID
    let push: ChainSession<ToyRows>.Push
    /// What the same step is on the hop behind.
    let next: StepID?
    let link: Link
    let connection: Int
    let since: ContinuousClock.Instant
}

/// Steps that go from hop to hop, as `Chain+Pushing` and `RemoteSpan` have them go.
extension VirtualSwarm {
    // MARK: Opening

    /// Asks both hops of a way.
    mutating func connect(_ edge: ChainSession<ToyRows>.Edge, of id: GenerationID) {
        guard let generation = self.generations[id], let from = generation.spans[edge.from],
            let to = generation.spans[edge.to], let peer = self.servers[from.server]?.properties.id, to.pushes
        else {
            self.chain(id) { session, _ in session.connected(edge, isOpen: false) }
            return
        }
        let target = SimulatedTarget(
            server: to.server,
            session: to.session,
            blocks: to.blocks,
            maximumTokens: generation.task.maximumLength
        )
        self.say("generation \(id): server \(from.server) is to push to \(to.server)")
        self.generations[id]?.halfOpen[edge] = nil
        self.open(.from(peer), edge.to, edge, of: id)
        self.open(.to(target), edge.from, edge, of: id)
    }

    private mutating func open(
        _ change: OpenMessage.Change,
        _ hop: HopID,
        _ edge: ChainSession<ToyRows>.Edge,
        of id: GenerationID
    ) {
        guard let task = self.generations[id]?.task, let span = self.generations[id]?.spans[hop] else { return }
        let opening = self.nextOpening
        self.nextOpening += 1
        let link = Link(dialler: task.coordinator, server: span.server)
        let connection = self.send(.open(OpenMessage(id: opening, session: span.session, change: change)), over: link)
        self.generations[id]?.spans[hop]?.isOpen = true
        self.generations[id]?.spans[hop]?.stream = connection
        self.openings[opening] = Opening(
            generation: id,
            edge: edge,
            hop: hop,
            link: link,
            since: self.now,
            connection: connection
        )
        self.schedule(.watchesOpening(opening), in: Self.pingInterval)
    }

    /// Whoever is asked is pinged; a silent peer opens nothing.
    mutating func watchOpening(_ id: OpeningID) {
        guard let opening = self.openings[id] else { return }
        let waited = self.now - opening.since
        let silent = self.network[opening.link].lastFrame.map { self.now - $0 } ?? waited
        guard waited <= Self.silence || silent <= Self.silence else { return self.opened(id, isOpen: false) }
        self.schedule(.watchesOpening(id), in: Self.pingInterval)
        if case .open = self.network[opening.link].phase { self.transmit(.ping, over: opening.link, isThere: true) }
    }

    /// One of the hops of a way has answered, or never will; the way is there when both say so.
    mutating func opened(_ id: OpeningID, isOpen: Bool) {
        guard let opening = self.openings.removeValue(forKey: id) else { return self.broke(id) }
        let generation = opening.generation
        if opening.hop == opening.edge.from { self.keepWay(id, opening, isOpen: isOpen) }
        guard let other = self.generations[generation]?.halfOpen.removeValue(forKey: opening.edge) else {
            self.generations[generation]?.halfOpen[opening.edge] = isOpen
            return
        }
        let isOpen = isOpen && other
        if isOpen { self.report.edges += 1 } else { self.report.unopenedEdges += 1 }
        self.say(
            "generation \(generation): the way from hop \(opening.edge.from.rawValue) is \(isOpen ? "" : "not ")open"
        )
        self.chain(generation) { session, _ in session.connected(opening.edge, isOpen: isOpen) }
    }

    /// A session has one way at a time; it is heard of again when it breaks.
    private mutating func keepWay(_ id: OpeningID, _ opening: Opening, isOpen: Bool) {
        guard var ways = self.generations[opening.generation]?.ways else { return }
        ways = ways.filter { $0.value.from != opening.edge.from }
        if isOpen { ways[id] = opening.edge }
        self.generations[opening.generation]?.ways = ways
    }

    /// A hop says that a way has broken which it had opened.
    private mutating func broke(_ id: OpeningID) {
        guard
            let (generation, edge) = self.generations.lazy.compactMap({ key, value in value.ways[id].map { (key, $0) } }
            )
            .first
        else { return }
        self.generations[generation]?.ways[id] = nil
        self.report.brokenEdges += 1
        self.say("generation \(generation): the way from hop \(edge.from.rawValue) has broken")
        let outstanding = self.generations[generation]?.session?.awaitedPushes.count ?? 0
        self.obey(self.chain(generation) { $0.broke(edge, now: $1) }, of: generation)
        let left = self.generations[generation]?.session?.awaitedPushes.count ?? 0
        self.report.strayedSteps += max(outstanding - left, 0)
        self.tend(generation)
    }

    // MARK: Pushed steps

    /// A step was sent that goes on from its hop to these.
    mutating func expect(_ pushes: [ChainSession<ToyRows>.Push], of id: GenerationID) {
        var astray: [StepID] = []
        for (index, push) in pushes.enumerated() {
            guard let task = self.generations[id]?.task, let span = self.generations[id]?.spans[push.hop] else {
                continue
            }
            let link = Link(dialler: task.coordinator, server: span.server)
            guard let stream = span.stream, stream == self.network[link].number, self.network[link].isUsable else {
                astray.append(push.id)
                continue
            }
            self.pushes[StepKey(link, span.session, push.number)] = ExpectedPush(
                generation: id,
                push: push,
                next: index + 1 < pushes.count ? pushes[index + 1].id : nil,
                link: link,
                connection: stream,
                since: self.now
            )
        }
        for push in astray { self.astray(push, of: id) }
        guard self.generations[id]?.isWatching == false else { return }
        self.generations[id]?.isWatching = true
        self.schedule(.watchesPushes(id), in: Self.pingInterval)
    }

    /// What was to be pushed came to nothing: it is given the long way.
    private mutating func astray(_ push: StepID, of id: GenerationID) {
        guard self.generations[id]?.session?.isOutstanding(push) == true else { return }
        self.report.strayedSteps += 1
        self.say("generation \(id): pushed step \(push.rawValue) is astray")
        self.obey(self.chain(id) { $0.astray(push, now: $1) }, of: id)
    }

    mutating func answeredPush(_ key: StepKey, _ answer: AnswerMessage) {
        guard let expected = self.pushes.removeValue(forKey: key) else { return }
        let (id, push) = (expected.generation, expected.push)
        let rows: [UInt64]?
        switch answer.content {
        case .refused(let code, _):
            self.say("generation \(id): pushed step \(push.id.rawValue) is refused: \(code)")
            return self.astray(push.id, of: id)
        case .garbage: return self.astray(push.id, of: id)
        case .nothing: rows = nil
        case .rows(let values): rows = values
        }
        let wanted = Self.rowCount(
            push.tokenCount,
            isLast: push.isLast,
            wantsLogits: push.wantsLogits,
            guesses: push.guesses
        )
        // Whose fault that is cannot be told.
        guard rows?.count == wanted else { return self.astray(push.id, of: id) }
        guard self.generations[id]?.session?.isOutstanding(push.id) == true else { return }
        self.report.pushedSteps += 1
        if push.wantsLogits, let rows { self.generations[id]?.logits = rows }
        self.learn(
            of: expected.link,
            push.hop,
            of: id,
            answer,
            tokens: push.tokenCount,
            elapsed: self.now - expected.since,
            knowsWay: false
        )
        let output = push.isLast ? nil : rows.map { ToyRows(values: $0) }
        let actions = self.chain(id) { session, now in
            var actions = session.answered(push.id, with: output, isLeaving: answer.isLeaving, now: now)
            if answer.isUnpushed, let next = expected.next { actions += session.astray(next, now: now) }
            return actions
        }
        if answer.isUnpushed { self.report.unpushed += 1 }
        self.say(
            "generation \(id): pushed step \(push.id.rawValue) is answered\(answer.isUnpushed ? ", unpushed" : "")"
        )
        self.obey(actions, of: id)
        self.endAwaited(id)
    }

    /// Whoever was pushed to is silent.
    private mutating func lost(_ push: StepID, of id: GenerationID, over link: Link) {
        self.report.losses[.gone, default: 0] += 1
        self.say("generation \(id): pushed step \(push.rawValue) fails, server \(link.server) is lost: gone")
        self.generations[id]?.failure = .lost(.gone)
        self.ban(link)
        self.obey(self.chain(id) { $0.failed(push, .gone, now: $1) }, of: id)
        self.endAwaited(id)
    }

    /// A connection is gone: of what was expected there, and asked for, nothing will be heard.
    mutating func pushesLost(over link: Link, _ number: Int) {
        let openings = self.openings.filter { $0.value.link == link && $0.value.connection <= number }
        for id in openings.keys.sorted() { self.opened(id, isOpen: false) }
        self.forgetWays(over: link)
        let lost = self.pushes.filter { $0.value.link == link && $0.value.connection <= number }
        for (key, expected) in lost.sorted(by: { $0.value.push.id.rawValue < $1.value.push.id.rawValue }) {
            self.pushes[key] = nil
            self.astray(expected.push.id, of: expected.generation)
        }
    }

    /// The streams on which hops would say that a way breaks are gone.
    private mutating func forgetWays(over link: Link) {
        for (id, generation) in self.generations where generation.task.coordinator == link.dialler {
            self.generations[id]?.ways = generation.ways.filter {
                generation.spans[$0.value.from]?.server != link.server
            }
        }
    }

    // MARK: Waiting

    /// Looks now and then after those who were pushed to: nobody else waits for them.
    mutating func watchPushes(_ id: GenerationID) {
        guard let generation = self.generations[id], let session = generation.session else { return }
        let awaited = session.awaitedPushes
        guard !awaited.isEmpty else {
            self.generations[id]?.isWatching = false
            return
        }
        let due = awaited.filter { self.now - $0.since >= Self.pingInterval }
        for hop in Set(due.map(\.hop)).sorted(by: { $0.rawValue < $1.rawValue }) {
            guard let span = generation.spans[hop] else { continue }
            let link = Link(dialler: generation.task.coordinator, server: span.server)
            if case .open = self.network[link].phase { self.transmit(.ping, over: link, isThere: true) }
        }
        // The ping is waited for as long.
        if !due.isEmpty { self.schedule(.looksAfter(id, due), in: Self.pingInterval) }
        self.schedule(.watchesPushes(id), in: Self.pingInterval * (due.isEmpty ? 1 : 2))
    }

    mutating func lookAfter(_ pushes: [ChainSession<ToyRows>.AwaitedPush], of id: GenerationID) {
        for push in pushes {
            guard let generation = self.generations[id], let span = generation.spans[push.hop],
                generation.session?.isOutstanding(push.id) == true
            else { continue }
            let link = Link(dialler: generation.task.coordinator, server: span.server)
            let isAlive = self.network[link].lastFrame.map { self.now - $0 <= Self.silence } ?? false
            guard isAlive else {
                self.lost(push.id, of: id, over: link)
                continue
            }
            guard self.now - push.since >= push.deadline else { continue }
            self.say("generation \(id): pushed step \(push.id.rawValue) is late")
            let actions = self.chain(id) { $0.late(push.id, now: $1) }
            if self.generations[id]?.session?.isOutstanding(push.id) == false { self.report.strayedSteps += 1 }
            self.obey(actions, of: id)
        }
    }
}
