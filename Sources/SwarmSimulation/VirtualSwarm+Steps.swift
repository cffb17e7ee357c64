internal import P2PWire
internal import ShardProtocol
internal import SwarmCore

/// Steps on their way, as `RemoteSpan` and `Host.whileAlive` send and watch them.
extension VirtualSwarm {
    static let pingInterval = Duration.milliseconds(500)
    static let silence = Duration.seconds(2)
    /// How long `busy` is borne.
    private static let busyTime = Duration.seconds(30)
    private static let shortestRetry = Duration.milliseconds(50)

    /// Has a hop run its step.
    mutating func send(_ step: ChainSession<ToyRows>.Step, of id: GenerationID, isChore: Bool) {
        guard let task = self.generations[id]?.task, var span = self.generations[id]?.spans[step.hop] else {
            return self.report.violated("a step goes to a hop that has no session")
        }
        let message = StepMessage(
            attempt: self.nextAttempt,
            session: span.session,
            position: step.position,
            rows: step.payload,
            logits: Self.logits(step),
            details: !span.isExact
                ? nil
                : StepMessage.Details(
                    number: step.number,
                    blocks: span.blocks,
                    rollback: step.goesBack,
                    maximumTokens: task.maximumLength,
                    pushes: step.pushes.map(\.number),
                    refusesPushes: step.refusesPushes,
                    isCertain: self.generations[id]?.pass?.guesses == 0
                )
        )
        let attemptID = self.nextAttempt
        var attempt = Attempt(
            generation: id,
            step: step,
            message: message,
            link: Link(dialler: task.coordinator, server: span.server),
            isChore: isChore,
            since: self.now,
            patience: self.now + Self.busyTime,
            resends: span.isExact ? 1 : 0,
            deadline: step.deadline
        )
        attempt.before = step.isAhead ? span.lastAttempt : nil
        self.attempts[attemptID] = attempt
        self.nextAttempt += 1
        // A plain server cannot go back.
        guard span.isExact || !step.goesBack else { return self.lost(attemptID, Loss(.gap)) }
        span.isOpen = true
        span.lastAttempt = attemptID
        self.generations[id]?.spans[step.hop] = span
        self.report.steps += 1
        self.say(
            """
            generation \(id): step \(attemptID) to server \(span.server), hop \(step.hop.rawValue), number \
            \(step.number): \(step.payload.tokenCount) tokens at \(step.position)\(step.goesBack ? " again" : "")\
            \(step.isAhead ? ", ahead" : "")\(isChore ? ", beside" : "")\(step.wantsLogits ? ", for logits" : "")\
            \(step.pushes.isEmpty ? "" : ", and on to \(step.pushes.count)")
            """
        )
        self.transmit(attemptID)
        self.schedule(.watches(attemptID), in: Self.pingInterval)
        if !step.pushes.isEmpty { self.expect(step.pushes, of: id) }
    }

    /// What is wanted of the last hop that it goes to.
    private static func logits(_ step: ChainSession<ToyRows>.Step) -> StepMessage.Logits {
        let (areWanted, guesses) =
            step.pushes.last.map { ($0.wantsLogits, $0.guesses) } ?? (step.wantsLogits, step.guesses)
        return !areWanted ? .none : guesses > 0 ? .every : .last
    }

    /// How many rows a hop owes; nil where it owes none.
    static func rowCount(_ tokens: Int, isLast: Bool, wantsLogits: Bool, guesses: Int) -> Int? {
        guard isLast else { return tokens }
        return !wantsLogits ? nil : guesses > 0 ? tokens : 1
    }

    private mutating func transmit(_ id: AttemptID) {
        guard let attempt = self.attempts[id] else { return }
        if let number = attempt.message.details?.number {
            self.sentNumbers[StepKey(attempt.link, attempt.message.session, number)] = id
        }
        let connection = self.send(.step(attempt.message), over: attempt.link)
        self.attempts[id]?.connection = connection
        self.attempts[id]?.isResting = false
        self.generations[attempt.generation]?.spans[attempt.step.hop]?.stream = connection
    }

    /// `busy` is over, perhaps.
    mutating func tryAgain(_ id: AttemptID) {
        guard let attempt = self.attempts[id], attempt.isResting, !attempt.awaitsBefore else { return }
        self.report.resent += 1
        self.transmit(id)
    }

    /// Whoever runs the step is pinged; a silent peer is lost, a late one may be replaced.
    mutating func watch(_ id: AttemptID) {
        guard let attempt = self.attempts[id] else { return }
        let waited = self.now - attempt.since
        let connection = self.network[attempt.link]
        let silent = connection.lastFrame.map { self.now - $0 } ?? waited
        guard waited <= Self.silence || silent <= Self.silence else {
            self.schedule(.fellSilent(attempt.link, connection: connection.number), in: .seconds(15))
            return self.lost(id, .gone)
        }
        self.schedule(.watches(id), in: Self.pingInterval)
        if case .open = connection.phase { self.transmit(.ping, over: attempt.link, isThere: true) }
        if waited >= attempt.deadline { self.late(id, after: waited) }
    }

    private mutating func late(_ id: AttemptID, after waited: Duration) {
        guard let attempt = self.attempts[id] else { return }
        self.attempts[id]?.deadline = waited + min(waited, SwarmCore.Limits.longestPatience)
        self.report.late += 1
        // Nobody waits for an understudy.
        guard !attempt.isChore else { return self.lost(id, .gone) }
        let actions = self.chain(attempt.generation) { $0.late(attempt.step.id, now: $1) }
        self.obey(actions, of: attempt.generation, late: id)
        self.checkTakenOver(id, isNew: actions?.isEmpty == false)
    }

    /// Of a late step that somebody else runs now nobody wants to know.
    ///
    /// - Parameter isNew: whether it was taken over because it is late.
    mutating func checkTakenOver(_ id: AttemptID, isNew: Bool) {
        guard let attempt = self.attempts[id], !self.isWanted(attempt) else { return }
        if isNew { self.ban(attempt) }
        self.takeBack(id)
        self.endAwaited(attempt.generation)
    }

    private func isWanted(_ attempt: Attempt) -> Bool {
        attempt.isChore || self.generations[attempt.generation]?.session?.isOutstanding(attempt.step.id) ?? false
    }

    private mutating func ban(_ attempt: Attempt) { self.ban(attempt.link) }

    mutating func ban(_ link: Link) {
        guard let server = self.servers[link.server]?.properties.id else { return }
        self.coordinators[link.dialler]?.bans.failed(server, now: self.now)
        self.coordinators[link.dialler]?.failures[server] = self.now
        self.report.bans += 1
    }

    /// Nobody waits for a step any more.
    mutating func takeBack(_ id: AttemptID) {
        guard let attempt = self.settle(id) else { return }
        if case .open = self.network[attempt.link].phase {
            self.transmit(.cancel(attempt.message.session, id), over: attempt.link, isThere: true)
        }
    }

    /// A step is not outstanding any more, nor is anybody looked for because of it.
    @discardableResult
    private mutating func settle(_ id: AttemptID) -> Attempt? {
        guard let attempt = self.attempts.removeValue(forKey: id) else { return nil }
        if let search = attempt.search { self.searches[search] = nil }
        if let number = attempt.message.details?.number {
            self.sentNumbers[StepKey(attempt.link, attempt.message.session, number)] = nil
        }
        for next in self.attempts.filter({ $0.value.awaitsBefore && $0.value.before == id }).keys.sorted() {
            self.attempts[next]?.awaitsBefore = false
            self.attempts[next]?.before = nil
            self.tryAgain(next)
        }
        return attempt
    }

    /// A connection is gone: what was sent over it is sent once more, where that is safe.
    mutating func stepsLost(over link: Link, _ number: Int) {
        let ids = self.attempts.filter { $0.value.link == link && $0.value.connection == number && !$0.value.isResting }
        for id in ids.keys.sorted() {
            guard let attempt = self.attempts[id] else { continue }
            if attempt.resends > 0 {
                self.attempts[id]?.resends -= 1
                self.report.resent += 1
                self.transmit(id)
            } else {
                self.lost(id, .gone)
            }
        }
    }

    // MARK: Answers

    mutating func received(_ answer: AnswerMessage, over link: Link) {
        let key = answer.number.map { StepKey(link, answer.session, $0) }
        if answer.attempt == nil, let key, self.pushes[key] != nil { return self.answeredPush(key, answer) }
        // Of a step that is not waited for any more nobody wants to know.
        guard let id = answer.attempt ?? key.flatMap({ self.sentNumbers[$0] }), let attempt = self.attempts[id],
            attempt.link == link
        else { return }
        switch answer.content {
        case .garbage: self.lost(id, .unable)
        case .refused(.busy, let retryAfter) where self.now < attempt.patience:
            self.report.busy += 1
            let wait = min(max(retryAfter ?? .milliseconds(250), Self.shortestRetry), attempt.patience - self.now)
            self.attempts[id]?.isResting = true
            self.schedule(.triesAgain(id), in: wait)
        case .refused(.gap, _) where self.waitsForItsTurn(id),
            .refused(.unknownSession, _) where self.waitsForItsTurn(id):
            break
        case .refused(let code, _):
            self.report.refusals[code, default: 0] += 1
            self.lost(id, Loss(code))
        case .rows(let rows): self.answered(id, answer, rows: rows)
        case .nothing: self.answered(id, answer, rows: nil)
        }
    }

    /// A step that came too early, because the one before it is sent once more, is sent again behind it.
    private mutating func waitsForItsTurn(_ id: AttemptID) -> Bool {
        guard let before = self.attempts[id]?.before else { return false }
        self.attempts[id]?.isResting = true
        if self.attempts[before] != nil {
            self.attempts[id]?.awaitsBefore = true
        } else {
            self.attempts[id]?.before = nil
            self.tryAgain(id)
        }
        return true
    }

    private mutating func answered(_ attemptID: AttemptID, _ answer: AnswerMessage, rows: [UInt64]?) {
        guard let attempt = self.attempts[attemptID] else { return }
        let (step, id) = (attempt.step, attempt.generation)
        let wanted = Self.rowCount(
            step.payload.tokenCount,
            isLast: step.isLast,
            wantsLogits: step.wantsLogits,
            guesses: step.guesses
        )
        guard rows?.count == wanted else { return self.lost(attemptID, .unable) }
        let isWanted = self.isWanted(attempt)
        self.say("generation \(id): step \(attemptID) is answered\(isWanted ? "" : ", and nobody wants it")")
        self.settle(attemptID)
        guard isWanted else { return }
        self.learn(attempt, answer)
        let output = step.isLast ? nil : rows.map { ToyRows(values: $0) }
        guard !attempt.isChore else {
            self.chain(id) { $0.fed(step.id, with: output, now: $1) }
            self.generations[id]?.isTending = false
            return self.tend(id)
        }
        if step.wantsLogits, let rows { self.generations[id]?.logits = rows }
        if answer.isUnpushed { self.report.unpushed += 1 }
        let actions = self.chain(id) { session, now in
            var actions = session.answered(step.id, with: output, isLeaving: answer.isLeaving, now: now)
            if answer.isUnpushed, let push = step.pushes.first { actions += session.astray(push.id, now: now) }
            return actions
        }
        self.obey(actions, of: id)
        self.endAwaited(id)
    }

    /// What a step tells about its peer. One that was sent ahead has waited for others.
    private mutating func learn(_ attempt: Attempt, _ answer: AnswerMessage) {
        guard !attempt.isChore, !attempt.step.isAhead else { return }
        self.learn(
            of: attempt.link,
            attempt.step.hop,
            of: attempt.generation,
            answer,
            tokens: attempt.step.payload.tokenCount,
            elapsed: self.now - attempt.since,
            knowsWay: attempt.step.pushes.isEmpty
        )
    }

    /// - Parameter knowsWay: whether what it took beside computing is the way to the peer and back.
    mutating func learn(
        of link: Link,
        _ hop: HopID,
        of id: GenerationID,
        _ answer: AnswerMessage,
        tokens: Int,
        elapsed: Duration,
        knowsWay: Bool
    ) {
        guard let server = self.servers[link.server]?.properties.id, let span = self.generations[id]?.spans[hop] else {
            return
        }
        let compute = min(elapsed, answer.compute)
        let queue = min(elapsed - compute, answer.queue)
        self.coordinators[link.dialler]?.bans.succeeded(server)
        self.coordinators[link.dialler]?.failures[server] = nil
        self.coordinators[link.dialler]?.figures.ran(
            server,
            blocks: span.blocks.count,
            tokens: tokens,
            compute: compute,
            queue: queue,
            // Of a pushed step, what the hops before took and the ways between are in it as well.
            network: knowsWay ? elapsed - compute - queue : .zero,
            isPushed: !knowsWay,
            now: self.now
        )
    }

    /// A step came to nothing.
    mutating func lost(_ id: AttemptID, _ loss: Loss) {
        guard let attempt = self.attempts[id] else { return }
        let isWanted = self.isWanted(attempt)
        if loss == .gone { self.takeBack(id) } else { self.settle(id) }
        guard isWanted else { return }
        self.report.losses[loss, default: 0] += 1
        self.say("generation \(attempt.generation): step \(id) fails, server \(attempt.link.server) is lost: \(loss)")
        if loss.isOfThePeer { self.ban(attempt) }
        guard !attempt.isChore else {
            self.chain(attempt.generation) { session, _ in session.starved(attempt.step.id) }
            self.generations[attempt.generation]?.isTending = false
            return self.tend(attempt.generation)
        }
        self.generations[attempt.generation]?.failure = .lost(loss)
        let actions = self.chain(attempt.generation) { $0.failed(attempt.step.id, loss, now: $1) }
        self.obey(actions, of: attempt.generation)
        self.endAwaited(attempt.generation)
    }
}
