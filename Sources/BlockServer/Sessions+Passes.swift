internal import Model
internal import ShardProtocol
internal import SwarmCore
internal import Synchronization

extension Sessions {
    /// Where passes are run.
    enum Start {
        case here
        case onItsThread
        /// Others are about to come; until then nothing.
        case later(ContinuousClock.Instant)
    }

    /// A pass about to run.
    private struct Pass {
        let blocks: Range<Int>
        let portions: [BatchScheduler.Portion]
        let steps: [LoadedRange.Step]
    }

    /// What a pass took, and for how long of that its thread had a processor.
    private struct Took {
        let all: Duration
        let processing: Duration
    }

    /// Where to begin with what waits; nil where nothing does, or somebody is at it.
    ///
    /// A step that comes alone and is over before another thread would be awake runs where it is.
    func start(_ state: inout State) -> Start? {
        guard !state.isComputing, state.scheduler.waitingCount > 0 else { return nil }
        if let moment = self.pause(&state) {
            if let wakesAt = state.wakesAt, wakesAt <= moment { return nil }
            state.wakesAt = moment
            return .later(moment)
        }
        state.isComputing = true
        guard let only = state.scheduler.onlyWaiting, let work = state.work[only.id], self.compute.pendingPasses == 0
        else { return .onItsThread }
        let (order, blocks) = (work.order, work.order.blocks.indices)
        return self.loaded.isBrief(tokens: order.tokenCount, at: order.position, blocks: blocks) ? .here : .onItsThread
    }

    /// Until when what is ready waits for company.
    private func pause(_ state: inout State) -> ContinuousClock.Instant? {
        guard let (blocks, rows) = state.scheduler.decoding else { return nil }
        return state.gathering.pause(rows: rows, in: blocks, now: .now)
    }

    /// Looks at `moment` who has come.
    func wake(at moment: ContinuousClock.Instant) {
        self.compute.submit(at: moment) { [weak self] in
            self?.update { state, _ in
                if state.wakesAt == moment { state.wakesAt = nil }
            }
        }
    }

    /// Runs one pass on the caller's thread; what came meanwhile goes to the compute thread.
    func runBriefly() {
        if self.runPass(andGoOn: false) { self.compute.submit { self.run() } }
    }

    /// Runs passes, on the compute thread, until nothing is ready. What comes meanwhile is in the next one.
    func run() {
        while self.runPass(andGoOn: true) {}
    }

    /// - Returns: whether something else is ready; if not, whoever brings something next starts anew.
    private func runPass(andGoOn: Bool) -> Bool {
        guard let pass = self.state.withLock({ self.nextPass(&$0) }) else { return false }
        let (start, processorStart) = (ContinuousClock.now, ProcessorTime.ofThisThread)
        let saturations = self.loaded.saturationCount
        let results = self.loaded.forward(pass.steps, blocks: pass.blocks)
        let end = ContinuousClock.now
        let duration = start.duration(to: end)
        let took = Took(all: duration, processing: ProcessorTime.since(processorStart, within: duration))
        self.metrics.ran(
            rows: pass.portions.reduce(0) { $0 + $1.tokens.count },
            steps: pass.portions.count,
            took: took.all,
            saturations: self.loaded.saturationCount - saturations
        )
        var isMore = false
        self.update { state, answers in
            self.ended(pass, results, took, at: end, &state, &answers)
            isMore = state.scheduler.waitingCount > 0 && self.pause(&state) == nil
            state.isComputing = isMore
        }
        return isMore
    }

    /// The next pass of the scheduler; its steps begin. Their caches are their sessions' from now on: a restart that
    /// never begins leaves its session what it had.
    private func nextPass(_ state: inout State) -> Pass? {
        guard let batch = state.scheduler.next() else {
            state.isComputing = false
            return nil
        }
        state.gathering.began(now: .now)
        let steps = batch.portions.compactMap { portion in
            state.work[portion.id].map { work in
                if portion.tokens.lowerBound == 0 {
                    work.cache.truncate(to: work.order.position)
                    state.caches[work.key] = work.cache
                }
                return work.part(portion)
            }
        }
        return Pass(blocks: batch.blocks.indices, portions: batch.portions, steps: steps)
    }

    private func ended(
        _ pass: Pass,
        _ results: [Result<[UInt16], ModelError>],
        _ took: Took,
        at now: ContinuousClock.Instant,
        _ state: inout State,
        _ answers: inout Answers
    ) {
        let failed = zip(pass.portions, results).filter { if case .failure = $1 { true } else { false } }
        state.scheduler.ended(failed: Set(failed.map(\.0.id)), took: took.all)
        let rows = pass.portions.map(\.tokens.count)
        if failed.isEmpty, rows.allSatisfy({ $0 <= SwarmCore.Limits.decodingTokens }) {
            state.gathering.passed(
                rows: rows.reduce(0, +),
                blocks: pass.blocks.count,
                took: took.all,
                processing: took.processing
            )
        }
        for (portion, result) in zip(pass.portions, results) {
            guard var work = state.work[portion.id] else { continue }
            switch result {
            case .success(let values):
                work.computed(values, took: took.all)
                state.work[portion.id] = work
                guard portion.isLast else { continue }
                state.speed.measured(
                    blocks: pass.blocks.count,
                    tokens: work.order.tokenCount,
                    took: work.computing
                )
                state.gathering.answered(work.key, now: now)
                self.finish(portion.id, work.key, .committed, work.outcome(at: now), &state, &answers)
            case .failure(let error):
                work.cache.truncate(to: work.order.position)
                let outcome = StepOutcome(error, have: work.cache.length)
                self.finish(portion.id, work.key, .failed, outcome, &state, &answers)
            }
        }
    }
}
