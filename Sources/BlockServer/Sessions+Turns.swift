internal import Model
internal import ShardProtocol
internal import SwarmCore
internal import Synchronization

extension Sessions {
    /// Answers to be given once the lock is free.
    typealias Answers = [(CheckedContinuation<StepOutcome, Never>, StepOutcome)]

    /// Changes the state, then gives the answers that came of it and sees to it that what became ready is run.
    func update(_ body: (inout State, inout Answers) -> Void) {
        let (answers, start) = self.state.withLock { state in
            var answers: Answers = []
            body(&state, &answers)
            self.metrics.holds(
                sessions: state.ledger.sessionCount,
                queuedSteps: state.scheduler.waitingCount,
                reservedBytes: state.ledger.reservedKVBytes,
                freeBytes: state.ledger.freeKVBytes
            )
            return (answers, self.start(&state))
        }
        for (continuation, outcome) in answers { continuation.resume(returning: outcome) }
        switch start {
        case .here: self.runBriefly()
        case .onItsThread: self.compute.submit { self.run() }
        case .later(let moment): self.wake(at: moment)
        case nil: break
        }
    }

    func obey(_ actions: [SessionLedger.Action], _ state: inout State, _ answers: inout Answers) {
        for action in actions {
            switch action {
            case .run(let id, let key, let order): self.enqueue(id, key, order, &state, &answers)
            case .join(let id, let running): state.waiters[id]?.joins = running
            case .refuse(let id, let refusal):
                let position = state.waiters[id]?.step.position ?? 0
                self.reply(StepOutcome(refusal, position: position), to: id, &state, &answers)
            case .acknowledge(let id): self.reply(.closed, to: id, &state, &answers)
            case .discard(let key):
                state.caches[key] = nil
                state.gathering.left(for: key)
            }
        }
    }

    func reply(_ outcome: StepOutcome, to id: StepID, _ state: inout State, _ answers: inout Answers) {
        guard let waiter = state.waiters.removeValue(forKey: id) else { return }
        answers.append((waiter.continuation, outcome))
    }

    /// Gives a step's answer to whoever asked for it, and lets its session go on.
    func finish(
        _ id: StepID,
        _ key: SessionKey,
        _ end: SessionLedger.Outcome,
        _ outcome: StepOutcome,
        _ state: inout State,
        _ answers: inout Answers
    ) {
        state.work[id] = nil
        if case .computed(_, _, let queued, let took) = outcome { self.metrics.computed(queued: queued, took: took) }
        self.reply(outcome, to: id, &state, &answers)
        for (retry, waiter) in state.waiters where waiter.joins == id {
            self.reply(outcome, to: retry, &state, &answers)
        }
        self.obey(state.ledger.finished(key, end, now: .now), &state, &answers)
    }

    /// Hands a step that its session lets run to the scheduler.
    private func enqueue(
        _ id: StepID,
        _ key: SessionKey,
        _ order: SessionLedger.RunOrder,
        _ state: inout State,
        _ answers: inout Answers
    ) {
        guard let waiter = state.waiters[id] else { return }
        let known = order.position > 0 ? state.caches[key] : nil
        guard let cache = known ?? (try? self.loaded.makeCache(blocks: order.blocks.indices)) else {
            let outcome = StepOutcome.refused(Refusal(code: .failed), "no KV-cache could be made")
            return self.finish(id, key, .failed, outcome, &state, &answers)
        }
        let step = BatchScheduler.Step(id: id, peer: key.peer, blocks: order.blocks, tokenCount: order.tokenCount)
        if let delay = state.scheduler.ready(step) {
            let refusal = Refusal(code: .busy, have: state.ledger.length(of: key), retryAfter: delay)
            let outcome = StepOutcome(refusal, position: order.position)
            return self.finish(id, key, .dropped, outcome, &state, &answers)
        }
        state.gathering.arrived(key, in: order.blocks, tokens: order.tokenCount, now: waiter.arrival)
        state.work[id] = StepWork(key: key, order: order, cache: cache, input: waiter.input, arrival: waiter.arrival)
    }
}
