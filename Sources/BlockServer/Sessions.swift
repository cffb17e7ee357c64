internal import Model
internal import P2PWire
internal import ShardProtocol
internal import SwarmCore
internal import Synchronization

/// The shell of a session ledger: keeps the KV-caches and whoever waits for an answer, and runs what the ledger says.
///
/// Each request is answered in its own task. The task whose step may run takes it to the compute thread itself; the
/// others sleep until their turn or their answer comes. A lock, not an actor, so that a caller who gives up is heard at
/// once and no step can slip between two halves of a decision.
final class Sessions: Sendable {
    /// What a task that waits for its step learns.
    private enum Turn {
        case run(SessionLedger.RunOrder, KVCache)
        case answer(StepOutcome)
    }

    /// A request that has not been answered.
    private struct Waiter {
        let key: SessionKey
        let position: Int
        /// The step whose answer it shares, when it is a retry.
        var joins: StepID?
        var progress: Progress
    }

    private enum Progress {
        case waiting(CheckedContinuation<Turn, Never>)
        /// Its task is on its way to the compute thread.
        case called(isAbandoned: Bool)
    }

    private struct State {
        var ledger: SessionLedger
        var caches: [SessionKey: KVCache] = [:]
        var waiters: [StepID: Waiter] = [:]
        var nextStep: UInt64 = 0
        var speed: SpeedMeter
    }

    private let loaded: LoadedRange
    private let range: BlockRange
    private let compute: ComputeQueue
    private let state: Mutex<State>

    init(_ loaded: LoadedRange, range: BlockRange, kvMemory: Int, speed: SpeedMeter, compute: ComputeQueue) {
        self.loaded = loaded
        self.range = range
        self.compute = compute
        let configuration = SessionLedger.Configuration(
            kvBytes: kvMemory,
            contextLength: loaded.configuration.contextLength,
            bytesOfSession: { loaded.configuration.kvBytes(blocks: $0.indices, tokens: $1) }
        )
        self.state = Mutex(State(ledger: SessionLedger(configuration: configuration), speed: speed))
    }

    var freeKVBytes: Int { self.state.withLock { $0.ledger.freeKVBytes } }
    var count: Int { self.state.withLock { $0.ledger.sessionCount } }
    var blocksPerSecond: Double { self.state.withLock { $0.speed.blocksPerSecond } }
}

// MARK: Answering

extension Sessions {
    /// Answers one request; exactly one response for each, whatever happens.
    func answer(_ peer: PeerID, _ request: InferenceRequest) async -> InferenceResponse {
        let key = SessionKey(peer: peer, session: request.sessionID)
        let width = self.loaded.configuration.hiddenSize
        if request.step?.operation == .close {
            return self.close(key).response(to: request, .nothing, width: width)
        }
        let input: StepInput
        do throws(StepInput.Mismatch) {
            input = try StepInput(request, range: self.range, configuration: self.loaded.configuration)
        } catch {
            let have = self.state.withLock { $0.ledger.length(of: key) }
            return StepOutcome.refused(Refusal(code: error.code, have: have), error.message)
                .response(to: request, .nothing, width: width)
        }
        let step = StepRequest(
            id: self.nextStepID(),
            position: Int(request.position.rawValue),
            tokenCount: input.tokenCount,
            payload: request.payload.hashValue,
            blocks: input.blocks,
            number: request.step?.step,
            rollback: request.step?.rollback ?? false,
            maxTokens: request.step?.maxTokens.map { Int($0) }
        )
        return await self.outcome(of: step, key, input).response(to: request, input.answer, width: width)
    }

    private func outcome(of step: StepRequest, _ key: SessionKey, _ input: StepInput) async -> StepOutcome {
        let arrival = ContinuousClock.now
        // To the end, since a step that waits for the compute thread has not begun either.
        return await withTaskCancellationHandler {
            switch await withCheckedContinuation({ self.enter(step, key, $0, now: arrival) }) {
            case .answer(let outcome): return outcome
            case .run(let order, let cache):
                let outcome = await self.run(step, key, order, cache, input, since: arrival)
                self.finish(step, key, outcome)
                return outcome ?? Self.left
            }
        } onCancel: {
            self.abandon(step.id)
        }
    }

    /// What a step gets whose caller has left; nobody reads it.
    private static let left = StepOutcome.refused(Refusal(code: .failed), "the caller has left")

    /// Takes the step to the compute thread, unless it is too brief for that. There it begins unless everybody who asked
    /// for it has left; then nil.
    private func run(
        _ step: StepRequest,
        _ key: SessionKey,
        _ order: SessionLedger.RunOrder,
        _ cache: KVCache,
        _ input: StepInput,
        since arrival: ContinuousClock.Instant
    ) async -> StepOutcome? {
        let isBrief = self.loaded.isBrief(tokens: order.tokenCount, at: order.position, blocks: order.blocks.indices)
        return await self.compute.run(isBrief: isBrief) {
            guard self.begins(step.id, key, cache) else { return nil }
            let start = ContinuousClock.now
            cache.truncate(to: order.position)
            do throws(ModelError) {
                let values = try self.loaded.forward(
                    input.input,
                    blocks: order.blocks.indices,
                    at: order.position,
                    cache: cache,
                    output: input.answer.output
                )
                return .computed(
                    values: input.answer.isEmpty ? [] : values,
                    have: order.position + order.tokenCount,
                    queued: arrival.duration(to: start),
                    took: start.duration(to: .now)
                )
            } catch {
                return StepOutcome(error, have: cache.length)
            }
        }
    }

    private func nextStepID() -> StepID {
        self.state.withLock { state in
            defer { state.nextStep += 1 }
            return StepID(rawValue: state.nextStep)
        }
    }
}

// MARK: Turns

extension Sessions {
    /// Answers to be given once the lock is free.
    private typealias Wakeups = [(CheckedContinuation<Turn, Never>, Turn)]

    private func update(_ body: (inout State, inout Wakeups) -> Void) {
        let wakeups = self.state.withLock { state in
            var wakeups: Wakeups = []
            body(&state, &wakeups)
            return wakeups
        }
        for (continuation, turn) in wakeups { continuation.resume(returning: turn) }
    }

    private func enter(
        _ step: StepRequest,
        _ key: SessionKey,
        _ continuation: CheckedContinuation<Turn, Never>,
        now: ContinuousClock.Instant
    ) {
        self.update { state, wakeups in
            // A task is marked as cancelled before its handler runs, so none slips through between the two.
            guard !Task.isCancelled else { return wakeups.append((continuation, .answer(Self.left))) }
            state.waiters[step.id] = Waiter(key: key, position: step.position, progress: .waiting(continuation))
            self.obey(state.ledger.received(step, of: key, now: now), &state, &wakeups)
        }
    }

    /// The caller of a step has left: its place in the queue is free, unless the step already runs.
    private func abandon(_ id: StepID) {
        self.update { state, wakeups in
            guard var waiter = state.waiters[id] else { return }
            switch waiter.progress {
            case .waiting(let continuation):
                state.waiters[id] = nil
                if waiter.joins == nil { state.ledger.abandoned(id, of: waiter.key) }
                wakeups.append((continuation, .answer(Self.left)))
            case .called:
                waiter.progress = .called(isAbandoned: true)
                state.waiters[id] = waiter
            }
        }
    }

    /// Whether a step that reached the compute thread is still wanted: by its caller, or by a retry that joined it.
    ///
    /// If so, its cache is the session's from now on: a restart that never begins leaves the session what it had.
    private func begins(_ id: StepID, _ key: SessionKey, _ cache: KVCache) -> Bool {
        self.state.withLock { state in
            if case .called(isAbandoned: true) = state.waiters[id]?.progress,
                !state.waiters.values.contains(where: { $0.joins == id })
            {
                return false
            }
            state.caches[key] = cache
            return true
        }
    }

    /// A step that was called is over: whoever joined it gets its answer, and the session goes on.
    ///
    /// - Parameter outcome: nil when it never began, since everybody had left.
    private func finish(_ step: StepRequest, _ key: SessionKey, _ outcome: StepOutcome?) {
        self.update { state, wakeups in
            let end: SessionLedger.Outcome
            switch outcome {
            case .computed(_, _, _, let took):
                end = .committed
                state.speed.measured(blocks: step.blocks.count, tokens: step.tokenCount, took: took)
            case .refused, .closed: end = .failed
            case nil: end = .dropped
            }
            state.waiters[step.id] = nil
            // A retry may have come just after the step was dropped; it is to come once more.
            let again = StepOutcome(Refusal(code: .busy, retryAfter: .milliseconds(100)), position: step.position)
            for (id, waiter) in state.waiters where waiter.joins == step.id {
                self.reply(outcome ?? again, to: id, &state, &wakeups)
            }
            self.obey(state.ledger.finished(key, end, now: .now), &state, &wakeups)
        }
    }

    private func reply(_ outcome: StepOutcome, to id: StepID, _ state: inout State, _ wakeups: inout Wakeups) {
        guard let waiter = state.waiters.removeValue(forKey: id), case .waiting(let continuation) = waiter.progress
        else {
            return
        }
        wakeups.append((continuation, .answer(outcome)))
    }

    private func obey(_ actions: [SessionLedger.Action], _ state: inout State, _ wakeups: inout Wakeups) {
        for action in actions {
            switch action {
            case .run(let id, let key, let order): self.call(id, key, order, &state, &wakeups)
            case .join(let id, let running): state.waiters[id]?.joins = running
            case .refuse(let id, let refusal):
                let position = state.waiters[id]?.position ?? 0
                self.reply(StepOutcome(refusal, position: position), to: id, &state, &wakeups)
            case .acknowledge(let id): self.reply(.closed, to: id, &state, &wakeups)
            case .discard(let key): state.caches[key] = nil
            }
        }
    }

    /// Calls the task of a step to run it.
    private func call(
        _ id: StepID,
        _ key: SessionKey,
        _ order: SessionLedger.RunOrder,
        _ state: inout State,
        _ wakeups: inout Wakeups
    ) {
        guard var waiter = state.waiters[id], case .waiting(let continuation) = waiter.progress else { return }
        let known = order.position > 0 ? state.caches[key] : nil
        guard let cache = known ?? (try? self.loaded.makeCache(blocks: order.blocks.indices)) else {
            self.reply(.refused(Refusal(code: .failed), "no KV-cache could be made"), to: id, &state, &wakeups)
            return self.obey(state.ledger.finished(key, .failed, now: .now), &state, &wakeups)
        }
        waiter.progress = .called(isAbandoned: false)
        state.waiters[id] = waiter
        wakeups.append((continuation, .run(order, cache)))
    }
}

// MARK: Endings

extension Sessions {
    private func close(_ key: SessionKey) -> StepOutcome {
        self.update { state, wakeups in
            let id = StepID(rawValue: state.nextStep)
            state.nextStep += 1
            self.obey(state.ledger.closed(id, of: key), &state, &wakeups)
        }
        return .closed
    }

    /// Forgets the sessions whose time is over.
    func expire(now: ContinuousClock.Instant) {
        self.update { state, wakeups in self.obey(state.ledger.expired(now: now), &state, &wakeups) }
    }

    func connected(_ peer: PeerID) {
        self.state.withLock { $0.ledger.connected(peer) }
    }

    func disconnected(_ peer: PeerID) {
        self.state.withLock { $0.ledger.disconnected(peer, now: .now) }
    }

    /// Whether no session has run a step since `moment`.
    func isQuiet(since moment: ContinuousClock.Instant) -> Bool {
        self.state.withLock { $0.ledger.isQuiet(since: moment) }
    }

    /// Refuses new sessions from now on.
    func drain() {
        self.state.withLock { $0.ledger.drain() }
    }
}
