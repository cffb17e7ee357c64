internal import Logging
internal import Model
internal import P2PWire
internal import ShardProtocol
internal import SwarmCore
internal import Synchronization

/// The shell of a session ledger and of a scheduler: keeps the KV-caches and whoever waits for an answer, runs what they
/// say, and hands out what comes of it.
///
/// Each request is answered in its own task, which sleeps until its answer is there. A lock, not an actor, so that a
/// caller who gives up is heard at once and no step can slip between two halves of a decision.
final class Sessions: Sendable {
    /// A request that has not been answered.
    struct Waiter {
        let key: SessionKey
        let step: StepRequest
        let input: StepInput
        let arrival: ContinuousClock.Instant
        let continuation: CheckedContinuation<StepOutcome, Never>
        /// The step whose answer it shares, when it is a retry.
        var joins: StepID?
    }

    struct State {
        var ledger: SessionLedger
        var scheduler: BatchScheduler
        var gathering = Gathering()
        /// When what waits is looked at again, where it waits for company.
        var wakesAt: ContinuousClock.Instant?
        var caches: [SessionKey: KVCache] = [:]
        var waiters: [StepID: Waiter] = [:]
        /// What is in the scheduler's hands.
        var work: [StepID: StepWork] = [:]
        /// Whether somebody runs passes, or is on the way to.
        var isComputing = false
        var nextStep: UInt64 = 0
        var speed: SpeedMeter
    }

    let loaded: LoadedRange
    let range: BlockRange
    let compute: ComputeQueue
    let logger: Logger
    let metrics = ServerMetrics()
    let state: Mutex<State>
    /// Which refusals are logged: a lock of its own, since it is nobody's step.
    let refusals = Mutex(RefusalLog())

    init(
        _ loaded: LoadedRange,
        range: BlockRange,
        kvMemory: Int,
        speed: SpeedMeter,
        compute: ComputeQueue,
        logger: Logger = Logger(label: "block-server")
    ) {
        self.loaded = loaded
        self.range = range
        self.compute = compute
        self.logger = logger
        let configuration = SessionLedger.Configuration(
            kvBytes: kvMemory,
            contextLength: loaded.configuration.contextLength,
            bytesOfSession: { loaded.configuration.kvBytes(blocks: $0.indices, tokens: $1) }
        )
        self.state = Mutex(
            State(
                ledger: SessionLedger(configuration: configuration),
                scheduler: BatchScheduler(rowsPerPass: LoadedRange.tokensPerPass),
                speed: speed
            )
        )
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
        let (outcome, answer) = await self.outcome(of: request, key)
        if case .refused(let refusal, let text) = outcome { self.log(refusal.code, text, of: key) }
        let response = outcome.response(to: request, answer, width: self.loaded.configuration.hiddenSize)
        self.metrics.answered(response.code)
        return response
    }

    /// How a request ended, and what its answer holds.
    private func outcome(of request: InferenceRequest, _ key: SessionKey) async -> (StepOutcome, StepInput.Answer) {
        switch request.step?.operation {
        case .close: return (self.close(key), .nothing)
        case .cancel: return (self.takeBack(request.step?.step, of: key), .nothing)
        case .open:
            // Streams know what to do with it; over `/kwaai/inference/1.0.0` it says nothing.
            let refusal = Refusal(code: .badRequest)
            return (.refused(refusal, "a session is opened on a stream of its own"), .nothing)
        case .step, nil: break
        }
        let input: StepInput
        do throws(StepInput.Mismatch) {
            input = try StepInput(request, range: self.range, configuration: self.loaded.configuration)
        } catch {
            let have = self.state.withLock { $0.ledger.length(of: key) }
            return (.refused(Refusal(code: error.code, have: have), error.message), .nothing)
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
        return (await self.outcome(of: step, key, input), input.answer)
    }

    private func outcome(of step: StepRequest, _ key: SessionKey, _ input: StepInput) async -> StepOutcome {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let waiter = Waiter(key: key, step: step, input: input, arrival: .now, continuation: continuation)
                self.update { state, answers in
                    // A task is marked as cancelled before its handler runs, so none slips through between the two.
                    guard !Task.isCancelled else { return answers.append((continuation, Self.left)) }
                    state.waiters[step.id] = waiter
                    self.obey(state.ledger.received(step, of: key, now: waiter.arrival), &state, &answers)
                }
            }
        } onCancel: {
            self.abandon(step.id)
        }
    }

    /// What a step gets whose caller has left; nobody reads it.
    private static let left = StepOutcome.refused(Refusal(code: .cancelled), "the step was taken back before it began")

    /// The caller of a step has left: its place in the queue is free, unless the step has begun or somebody else wants
    /// its answer.
    private func abandon(_ id: StepID) {
        self.update { state, answers in
            guard let waiter = state.waiters.removeValue(forKey: id) else { return }
            answers.append((waiter.continuation, Self.left))
            let step = waiter.joins ?? id
            guard let work = state.work[step] else { return state.ledger.abandoned(step, of: waiter.key) }
            let isWanted = state.waiters[step] != nil || state.waiters.values.contains { $0.joins == step }
            guard !isWanted, state.scheduler.abandoned(step) else { return }
            state.work[step] = nil
            self.obey(state.ledger.finished(work.key, .dropped, now: .now), &state, &answers)
        }
    }

    /// The coordinator does not want a step any more that it has sent. One that has begun commits, and is answered so.
    private func takeBack(_ number: UInt32?, of key: SessionKey) -> StepOutcome {
        self.update { state, answers in
            let steps = state.waiters.filter { $0.value.key == key && $0.value.step.number == number }
            for (id, waiter) in steps where waiter.joins == nil && !self.hasBegun(id, &state) {
                for (retry, waiter) in steps where retry == id || waiter.joins == id {
                    self.reply(Self.left, to: retry, &state, &answers)
                }
                if state.work.removeValue(forKey: id) != nil {
                    self.obey(state.ledger.finished(key, .dropped, now: .now), &state, &answers)
                } else {
                    state.ledger.abandoned(id, of: key)
                }
            }
        }
        return .closed
    }

    /// Whether a step is being computed; one that is in the scheduler's hands is taken from it.
    private func hasBegun(_ id: StepID, _ state: inout State) -> Bool {
        state.work[id] != nil && !state.scheduler.abandoned(id)
    }

    private func nextStepID() -> StepID {
        self.state.withLock { state in
            defer { state.nextStep += 1 }
            return StepID(rawValue: state.nextStep)
        }
    }
}

// MARK: Endings

extension Sessions {
    private func close(_ key: SessionKey) -> StepOutcome {
        self.update { state, answers in
            let id = StepID(rawValue: state.nextStep)
            state.nextStep += 1
            self.obey(state.ledger.closed(id, of: key), &state, &answers)
        }
        return .closed
    }

    /// Forgets the sessions whose time is over.
    func expire(now: ContinuousClock.Instant) {
        self.update { state, answers in self.obey(state.ledger.expired(now: now), &state, &answers) }
        self.logWhatWasLeftOut(now: now)
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
