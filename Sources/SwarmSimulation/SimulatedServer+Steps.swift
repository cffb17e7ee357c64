internal import P2PWire
internal import ShardProtocol
internal import SwarmCore

/// Requests and what becomes of them, as in `BlockServer.Sessions`.
extension SimulatedServer {
    /// A request for a step arrived.
    mutating func received(
        _ message: StepMessage,
        of coordinator: PeerID,
        over link: Link,
        _ connection: Int,
        now: Instant
    ) -> [Reply] {
        func answered(_ content: AnswerMessage.Content) -> [Reply] {
            var answer = Self.answer(to: message, content)
            answer.isLeaving = self.isLeaving
            return [Reply(link: link, connection: connection, message: .answer(answer))]
        }
        switch (self.phase, self.properties.lie) {
        case (.stopped, _), (_, .silence): return []
        case (.joining, _): return answered(.refused(.warmingUp, retryAfter: .seconds(1)))
        case (_, .refuses(let code)): return answered(.refused(code, retryAfter: .milliseconds(200)))
        case (_, .turns(let code)) where message.position > 24:
            return answered(.refused(code, retryAfter: .milliseconds(200)))
        case (_, .garbage) where message.position > 8: return answered(.garbage)
        case (.online, _), (.draining, _): break
        }
        let blocks = message.details?.blocks ?? self.blocks
        guard self.blocks.contains(blocks) else { return answered(.refused(.wrongRange, retryAfter: nil)) }
        let key = SessionKey(peer: coordinator, session: message.session)
        let step = StepRequest(
            id: self.nextStepID(),
            position: message.position,
            tokenCount: message.rows.tokenCount,
            payload: message.rows.hashValue,
            blocks: blocks,
            number: message.details?.number,
            rollback: message.details?.rollback ?? false,
            maxTokens: message.details?.maximumTokens
        )
        self.waiters[step.id] = Waiter(
            link: link,
            connection: connection,
            key: key,
            step: step,
            message: message,
            arrival: now
        )
        var replies: [Reply] = []
        self.obey(self.ledger.received(step, of: key, now: now), now, &replies)
        return replies
    }

    /// A session is over.
    mutating func close(_ session: SessionID, of coordinator: PeerID, now: Instant) -> [Reply] {
        var replies: [Reply] = []
        let id = self.nextStepID()
        let key = SessionKey(peer: coordinator, session: session)
        replies += self.pushAfterwards(key)
        self.streams[key] = nil
        self.lastPushes[key] = nil
        self.obey(self.ledger.closed(id, of: key), now, &replies)
        self.closing.insert(key)
        self.checkClosed(key)
        return replies
    }

    /// Of a session that was closed nothing is left, once the step has ended that was running.
    private mutating func checkClosed(_ key: SessionKey) {
        guard self.closing.contains(key), !self.work.values.contains(where: { $0.key == key }) else { return }
        self.closing.remove(key)
        if self.caches[key] != nil || self.ledger.length(of: key) > 0 {
            self.violations.append("a session stays that its coordinator has closed")
        }
    }

    /// Nobody wants the answers of these requests any more; a step that has begun commits all the same.
    mutating func abandon(now: Instant, where isAbandoned: (Waiter) -> Bool) -> [Reply] {
        var replies: [Reply] = []
        for id in self.waiters.filter({ isAbandoned($0.value) }).keys.sorted(by: { $0.rawValue < $1.rawValue }) {
            guard let waiter = self.waiters.removeValue(forKey: id) else { continue }
            let step = waiter.joins ?? id
            guard let work = self.work[step] else {
                self.ledger.abandoned(step, of: waiter.key)
                continue
            }
            let isWanted = self.waiters[step] != nil || self.waiters.values.contains { $0.joins == step }
            guard !isWanted, self.scheduler.abandoned(step) else { continue }
            self.work[step] = nil
            self.obey(self.ledger.finished(work.key, .dropped, now: now), now, &replies)
            self.checkClosed(work.key)
        }
        return replies
    }

    /// Sessions whose time is over are forgotten.
    mutating func keepHouse(now: Instant) -> [Reply] {
        var replies: [Reply] = []
        let actions = self.ledger.expired(now: now)
        // A plain 1.0.0 server is never told that a session is over.
        if self.properties.speaksExtension { self.expiredSessions += actions.count }
        self.obey(actions, now, &replies)
        return replies
    }

    private mutating func obey(_ actions: [SessionLedger.Action], _ now: Instant, _ replies: inout [Reply]) {
        for action in actions {
            switch action {
            case .run(let id, let key, let order): self.enqueue(id, key, order, now, &replies)
            case .join(let id, let running): self.waiters[id]?.joins = running
            case .refuse(let id, let refusal): self.reply(refusal, to: id, &replies)
            case .acknowledge: break
            case .discard(let key):
                self.caches[key] = nil
                self.gathering.left(for: key)
            }
        }
    }

    private mutating func enqueue(
        _ id: StepID,
        _ key: SessionKey,
        _ order: SessionLedger.RunOrder,
        _ now: Instant,
        _ replies: inout [Reply]
    ) {
        guard let waiter = self.waiters[id] else { return self.violations.append("a step runs that nobody sent") }
        let step = BatchScheduler.Step(id: id, peer: key.peer, blocks: order.blocks, tokenCount: order.tokenCount)
        if let delay = self.scheduler.ready(step) {
            let have = self.ledger.length(of: key)
            self.reply(Refusal(code: .busy, have: have, retryAfter: delay), to: id, &replies)
            return self.obey(self.ledger.finished(key, .dropped, now: now), now, &replies)
        }
        self.gathering.arrived(key, in: order.blocks, tokens: order.tokenCount, now: waiter.arrival)
        self.work[id] = Work(key: key, order: order, message: waiter.message, arrival: waiter.arrival)
    }

    private mutating func reply(_ refusal: Refusal, to id: StepID, _ replies: inout [Reply]) {
        if refusal.code == .busy { self.busyCount += 1 }
        self.reply(to: id, &replies) { message in
            Self.answer(to: message, .refused(refusal.code, retryAfter: refusal.retryAfter))
        }
    }

    static func answer(to message: StepMessage, _ content: AnswerMessage.Content) -> AnswerMessage {
        AnswerMessage(
            attempt: message.attempt,
            session: message.session,
            number: message.details?.number,
            content: content
        )
    }

    private mutating func reply(
        to id: StepID,
        _ replies: inout [Reply],
        _ answer: (StepMessage) -> AnswerMessage
    ) {
        guard let waiter = self.waiters.removeValue(forKey: id) else { return }
        var answer = answer(waiter.message)
        answer.isLeaving = self.isLeaving || self.properties.lie == .leaving
        // The next hop first.
        if case .rows(let rows) = answer.content { answer.isUnpushed = !self.pushOn(rows, of: waiter, &replies) }
        replies.append(Reply(link: waiter.link, connection: waiter.connection, message: .answer(answer)))
    }
}

// MARK: - Passes

extension SimulatedServer {
    /// When passes are run.
    enum Start {
        /// One has begun, and takes so long.
        case now(took: Duration)
        /// Others are about to come; until then nothing.
        case later(Instant)
    }

    /// Begins the next pass, where there is something to do, nothing under way, and nobody to wait for.
    mutating func start(now: Instant) -> Start? {
        guard self.pass == nil, self.scheduler.waitingCount > 0 else { return nil }
        if let moment = self.pause(now) {
            if let wakesAt = self.wakesAt, wakesAt <= moment { return nil }
            self.wakesAt = moment
            self.gatherings += 1
            return .later(moment)
        }
        guard let batch = self.scheduler.next() else { return nil }
        return .now(took: self.begin(batch, now))
    }

    /// Until when what is ready waits for company.
    private mutating func pause(_ now: Instant) -> Instant? {
        guard let (blocks, rows) = self.scheduler.decoding else { return nil }
        return self.gathering.pause(rows: rows, in: blocks, now: now)
    }

    /// It is looked at `moment` who has come.
    mutating func wake(at moment: Instant) -> [Reply] {
        if self.wakesAt == moment { self.wakesAt = nil }
        return []
    }

    /// - Returns: how long the pass takes.
    private mutating func begin(_ batch: BatchScheduler.Batch, _ now: Instant) -> Duration {
        self.gathering.began(now: now)
        self.pass = batch
        for portion in batch.portions where portion.tokens.lowerBound == 0 {
            guard let work = self.work[portion.id] else { continue }
            var cache = work.order.position > 0 ? self.caches[work.key] : nil
            cache?.truncate(to: work.order.position)
            self.caches[work.key] = cache ?? ToyModel.Cache(work.order.blocks)
        }
        // Reading the weights takes as long as some rows.
        let rows = 1 + Double(batch.rows - 1) / 16
        let took = self.properties.blockTime * batch.blocks.count * (rows * self.slowness)
        return max(took, (self.stalledUntil ?? now) - now + took)
    }

    /// The pass that was begun has taken so long.
    mutating func endPass(took duration: Duration, now: Instant) -> [Reply] {
        guard let batch = self.pass else { return [] }
        self.pass = nil
        self.scheduler.ended(took: duration)
        let rows = batch.portions.map(\.tokens.count)
        if rows.allSatisfy({ $0 <= SwarmCore.Limits.decodingTokens }) {
            let processing = duration / self.properties.contention
            self.gathering.passed(
                rows: batch.rows,
                blocks: batch.blocks.count,
                took: duration,
                processing: processing
            )
        }
        var replies: [Reply] = []
        for portion in batch.portions {
            // Taken out, so that it is changed in place.
            guard var work = self.work[portion.id], var cache = self.caches.removeValue(forKey: work.key) else {
                self.violations.append("a pass holds a step whose session is gone")
                continue
            }
            if cache.blocks != work.order.blocks || cache.length != work.order.position + portion.tokens.lowerBound {
                self.violations.append("a step at \(work.order.position) runs on a cache of \(cache.length) tokens")
            }
            work.values += self.properties.model.run(work.message.rows.values[portion.tokens], &cache)
            work.computing += duration
            self.caches[work.key] = cache
            self.work[portion.id] = work
            guard portion.isLast else { continue }
            self.gathering.answered(work.key, now: now)
            self.finish(portion.id, work, now, &replies)
        }
        return replies
    }

    private mutating func finish(_ id: StepID, _ work: Work, _ now: Instant, _ replies: inout [Reply]) {
        self.work[id] = nil
        let lies = self.properties.lie == .times
        let blockCount = self.properties.model.blockCount
        let ids = self.waiters.filter { $0.key == id || $0.value.joins == id }.keys
        for waiting in ids.sorted(by: { $0.rawValue < $1.rawValue }) {
            self.reply(to: waiting, &replies) { message in
                let isLast = work.order.blocks.upperBound == blockCount
                let content: AnswerMessage.Content =
                    switch message.logits {
                    case .last where isLast: .rows(work.values.suffix(1))
                    case .none where isLast: .nothing
                    case .none, .last, .every: .rows(work.values)
                    }
                var answer = Self.answer(to: message, content)
                let queue = max(work.arrival.duration(to: now) - work.computing, .zero)
                answer.compute = lies ? .zero : work.computing
                answer.queue = lies ? .seconds(3600) : queue
                return answer
            }
        }
        self.obey(self.ledger.finished(work.key, .committed, now: now), now, &replies)
        self.checkClosed(work.key)
    }
}
