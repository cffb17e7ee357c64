package import Model
import P2PCore
import ShardProtocol
package import SwarmCore
import Synchronization

/// Spans that together run every block of a model, in order.
///
/// One chain serves one sequence: each span holds that sequence's KV-cache. It is the shell of a ``ChainSession``: where a
/// span is lost and `replan` is there to find others, the sequence goes on over them as it would have.
package final class Chain: Sendable {
    /// Finds spans that tile a vacancy.
    package typealias Replan = @Sendable (ChainSession<SpanInput>.Vacancy) async throws -> [any Span]

    let state: Mutex<State>
    let replan: Replan?
    /// The thread of the hops' connections, which is one for all that a host dialled.
    let executor: (any TaskExecutor)?
    let book: PeerBook?

    /// - Parameters:
    ///   - spans: in the order of their blocks.
    ///   - blockCount: how many blocks the model has.
    ///   - chunk: the most tokens that a span is given at once when it is given them again.
    ///   - book: learns of each step how its peer did; nil where there are no peers.
    ///   - keepsStandbys: whether somebody stands by for each span, fed by ``tend()``.
    ///   - way: how steps go from span to span; ``tend()`` opens the ways.
    ///   - replan: nil where there is nobody else; a loss then ends the sequence.
    /// - Throws: ``CoordinatorError`` with code `badChain` when the spans leave a gap, overlap, or end elsewhere.
    package init(
        spans: [any Span],
        blockCount: Int,
        chunk: Int = Limits.prefillChunk,
        book: PeerBook? = nil,
        keepsStandbys: Bool = false,
        way: StepWay = .auto,
        replan: Replan? = nil
    ) throws(CoordinatorError) {
        try Self.check(spans.map { (name: $0.name, blocks: $0.blocks) }, blockCount: blockCount)
        let members = spans.enumerated().map { index, span in
            State.member(HopID(rawValue: UInt64(index)), span)
        }
        let canPush = members.allSatisfy(\.pushes)
        self.replan = replan
        self.executor = spans.lazy.compactMap(\.executor).first
        self.book = book
        self.state = Mutex(
            State(
                session: ChainSession(
                    members,
                    chunk: chunk,
                    isRecoverable: replan != nil,
                    keepsStandbys: keepsStandbys,
                    pushes: way == .push || way == .auto && canPush
                ),
                spans: Dictionary(uniqueKeysWithValues: zip(members.map(\.id), spans)),
                nextHop: UInt64(spans.count)
            )
        )
    }

    /// Those that run the sequence now, in the order of their blocks.
    package var spans: [any Span] { self.hops.map(\.span) }

    /// ``spans`` and the names that they have in ``Result``.
    package var hops: [(id: HopID, span: any Span)] {
        self.state.withLock { state in
            state.session.members.compactMap { member in state.spans[member.id].map { (member.id, $0) } }
        }
    }

    /// Whether the text is the same to the bit whatever happens on the way; false with a plain 1.0.0 server in it.
    package var isExact: Bool { self.spans.allSatisfy(\.isExact) }

    /// The thread of the blocks, where they are in this process.
    package var queue: ComputeQueue? {
        let spans = self.spans
        return spans.count == 1 ? spans[0].queue : nil
    }

    /// The thread on which every pass begins and ends, whoever comes to run a span of it: that of the blocks where they are
    /// in this process, that of the connections where they are not.
    package var thread: (any TaskExecutor)? { self.queue ?? self.executor }

    /// What one pass gave.
    package struct Result: Sendable {
        /// f16 bits, `[guesses + 1][vocabulary]`; nil where the pass was curtailed.
        package var logits: [UInt16]?
        /// One for each step, in the order in which they ran.
        package var timings: [(hop: HopID, timing: StepTiming)] = []
        /// How many of these were pushed from hop to hop.
        package var pushedSteps = 0
        package var recoveries: [Recovery] = []
        /// Tokens that have gone through every block: fewer than were asked for where the pass was curtailed.
        package var length = 0
    }

    /// Frees the sequence's cache on every hop, at once; who was left before is told, and hardly waited for.
    package func close() async {
        let (spans, left) = self.state.withLock { state in
            let left = state.session.takeRetired().compactMap { state.spans.removeValue(forKey: $0) }
            return (Array(state.spans.values), left)
        }
        await withTaskGroup { group in
            group.addImmediateTask { await Self.close(left) }
            await Self.close(spans)
            group.addTask { try? await pause(for: Limits.farewellTime) }
            await group.next()
            group.cancelAll()
        }
    }

    private static func close(_ spans: [any Span]) async {
        await withDiscardingTaskGroup { group in
            for span in spans { group.addImmediateTask { await span.close() } }
        }
    }

    /// - Throws: ``CoordinatorError`` with code `badChain` when the ranges leave a gap, overlap, or end elsewhere.
    static func check(_ hops: [(name: String, blocks: BlockRange)], blockCount: Int) throws(CoordinatorError) {
        var next = 0
        for hop in hops {
            guard hop.blocks.lowerBound == next else {
                throw CoordinatorError(
                    .badChain,
                    "\(hop.name) is to run blocks \(hop.blocks), but block \(next) comes next: each range must begin where"
                        + " the one before ends"
                )
            }
            next = hop.blocks.upperBound
        }
        guard next <= blockCount else {
            throw CoordinatorError(
                .badChain,
                "the chain goes on to block \(next), but the model ends at \(blockCount): end there"
            )
        }
        guard next == blockCount else {
            throw CoordinatorError(
                .badChain,
                "the chain ends at block \(next) of \(blockCount): add \(next)..\(blockCount)"
            )
        }
    }
}

// MARK: - Passes

extension Chain {
    typealias Action = ChainSession<SpanInput>.Action
    typealias Step = ChainSession<SpanInput>.Step
    typealias Vacancy = ChainSession<SpanInput>.Vacancy

    /// Runs a pass.
    ///
    /// - Parameters:
    ///   - chunk: the most tokens that go through the chain as one step; nil for as many as are given again.
    ///   - progress: called when so many tokens of the sequence have gone through every block; where it says no, the pass
    ///     ends with what has been sent.
    /// - Throws: ``CoordinatorError``; what `progress` throws.
    package func run(
        _ pass: SequenceState.Pass,
        chunk: Int? = nil,
        progress: (Int) async throws -> Bool = { _ in true }
    ) async throws -> Result {
        // From hop to hop on the thread of their connections: nobody is woken but by an answer.
        try await withTaskExecutorPreference(self.executor) {
            // The session bounds what is outstanding, and with it what waits here.
            let (actions, feed) = AsyncStream.makeStream(of: Action.self, bufferingPolicy: .unbounded)
            self.begin(pass, chunk: chunk, feed)
            defer { self.state.withLock { $0.actions = nil } }
            return try await self.obey(actions, progress)
        }
    }

    private func begin(_ pass: SequenceState.Pass, chunk: Int?, _ feed: AsyncStream<Action>.Continuation) {
        self.state.withLock { state in
            state.result = Result()
            state.result.timings.reserveCapacity(8)
            state.failure = nil
            (state.pushing, state.isFinished) = ([], false)
            state.dropRelays()
            state.actions = feed
            if state.session.hasChores { state.chores?.yield() }
            state.happened {
                $0.begin(
                    .tokens(pass.tokens),
                    at: pass.position,
                    wantsLogits: true,
                    guesses: pass.guesses,
                    chunk: chunk,
                    now: .now
                )
            }
        }
    }

    private func obey(
        _ actions: AsyncStream<Action>,
        _ progress: (Int) async throws -> Bool
    ) async throws -> Result {
        try await withThrowingDiscardingTaskGroup { group in
            // What is still under way is of hops that were left.
            defer { group.cancelAll() }
            for await action in actions {
                switch action {
                // At once, so that steps leave in the order in which they were decided on.
                case .send(let step): group.addImmediateTask { await self.send(step) }
                case .plan(let vacancy): group.addTask { await self.fill(vacancy) }
                case .reopen(let vacancy): group.addTask { await self.reopen(vacancy) }
                case .reached(let length):
                    guard try await !progress(length) else { continue }
                    self.state.withLock { state in state.happened { $0.curtail(now: .now) } }
                case .finished:
                    let mustWait = self.state.withLock { state in
                        state.isFinished = true
                        return state.awaitsAnswers
                    }
                    if !mustWait { return self.takeResult() }
                case .fail: throw self.state.withLock { $0.failure } ?? Self.cancelled
                }
            }
            throw Self.cancelled
        }
    }

    private static let cancelled = CoordinatorError(.cancelled, "the generation was cancelled")

    private func takeResult() -> Result {
        let result = self.state.withLock { state in
            state.result.recoveries = state.takeRecoveries()
            state.result.length = state.session.length
            if state.session.hasChores { state.chores?.yield() }
            return state.result
        }
        HopMetrics.recovered(result.recoveries)
        return result
    }

    /// Has a hop run its step; where that takes too long, somebody else.
    private func send(_ step: Step) async {
        guard let span = self.state.withLock({ $0.spans[step.hop] }) else { preconditionFailure("a hop has a span") }
        let deadline = StepDeadline(after: step.deadline) { await self.isTakenOver(step, from: span) }
        if !step.pushes.isEmpty {
            self.state.withLock { state in
                state.pushing.insert(step.id)
                state.relays[step.id] = Relay(step)
            }
            self.expect(step)
        }
        defer { self.ended(step) }
        do throws(CoordinatorError) {
            let answer = try await span.step(SpanStep(step), deadline: deadline)
            let next = try Self.next(answer.output, isLast: step.isLast, step.wantsLogits, span)
            self.answered(step, by: span, answer, next)
        } catch {
            let isWanted = self.state.withLock { state in
                guard state.session.isOutstanding(step.id) else { return false }
                state.failure = error
                state.happened { $0.failed(step.id, error.loss, now: .now) }
                return true
            }
            if isWanted, error.loss.isOfThePeer { self.failed(span) }
        }
    }

    /// A pass that has all that it is for may have waited for this.
    private func ended(_ step: Step) {
        self.state.withLock { state in
            guard state.pushing.remove(step.id) != nil, state.isFinished, !state.awaitsAnswers else { return }
            state.actions?.yield(.finished)
        }
    }

    private func answered(_ step: Step, by span: any Span, _ answer: SpanAnswer, _ next: SpanInput?) {
        let shares = self.state.withLock { state -> [State.Share] in
            guard state.session.isOutstanding(step.id) else { return [] }
            if case .logits(let logits) = answer.output, step.wantsLogits { state.result.logits = logits }
            let shares =
                step.pushes.isEmpty
                ? [state.took(answer.timing, on: step.hop)] : state.took(answer.timing, step.id, of: step.id)
            state.happened { $0.answered(step.id, with: next, isLeaving: answer.isLeaving, now: .now) }
            if answer.isUnpushed, let push = step.pushes.first { state.happened { $0.astray(push.id, now: .now) } }
            return shares
        }
        // A step that was sent ahead has waited for others of ours, which says nothing of its peer.
        if !step.isAhead { self.note(shares, tokens: step.payload.tokenCount, isPushed: !step.pushes.isEmpty) }
    }

    /// Tells the book what a step took.
    func note(_ shares: [State.Share], tokens: Int, isPushed: Bool) {
        for share in shares {
            guard let span = share.span, let peer = span.peer else { continue }
            let (blocks, timing) = (span.blocks.count, share.timing)
            self.book?.noteStep(peer: peer, timing: timing, isPushed: isPushed, blocks: blocks, tokens: tokens)
        }
    }

    func failed(_ span: any Span) {
        guard let peer = span.peer, let book = self.book else { return }
        book.noteFailure(peer: peer)
        HopMetrics.banned()
    }

    /// What the next hop is to be given; nil where there is none.
    static func next(
        _ output: SpanOutput,
        isLast: Bool,
        _ wantsLogits: Bool,
        _ span: any Span
    ) throws(CoordinatorError) -> SpanInput? {
        switch output {
        case .hidden(let activations) where !isLast: return .hidden(activations)
        case .logits where isLast: return nil
        case .hidden where isLast && !wantsLogits, .nothing where isLast && !wantsLogits: return nil
        case .hidden, .logits, .nothing:
            throw CoordinatorError(
                .badReply,
                "\(span.name) answered something else than blocks \(span.blocks) give: leave it out and run again"
            )
        }
    }
}

extension SpanStep {
    init(_ step: Chain.Step) {
        self.init(step.payload, number: step.number, at: step.position, wantsLogits: step.wantsLogits)
        self.goesBack = step.goesBack
        self.guesses = step.guesses
        self.isAhead = step.isAhead
        self.refusesPushes = step.refusesPushes
        self.push = step.pushes.map(\.number)
        if let last = step.pushes.last, last.wantsLogits { self.pushedLogits = last.guesses + 1 }
    }
}

// MARK: - Losses

extension Chain {
    /// A step is late: looks for others while its hop is waited for. True when they run it now.
    private func isTakenOver(_ step: Step, from span: any Span) async -> Bool {
        let (isNew, vacancy) = self.state.withLock { state -> (Bool, Vacancy?) in
            var vacancy: Vacancy?
            let actions = state.session.late(step.id, now: .now)
            state.forgetDropped()
            for action in actions {
                if case .fail = action { state.failure = Self.late(span) }
                if case .plan(let wanted) = action { vacancy = wanted } else { state.actions?.yield(action) }
            }
            return (!actions.isEmpty, vacancy)
        }
        if let vacancy { await self.fill(vacancy) }
        let isOver = self.state.withLock { !$0.session.isOutstanding(step.id) }
        if isOver, isNew { self.failed(span) }
        return isOver
    }

    private static func late(_ span: any Span) -> CoordinatorError {
        CoordinatorError(
            .peerLost,
            "peer \(span.name), which ran blocks \(span.blocks), does not answer its step, and nobody else could take over: run"
                + " again"
        )
    }

    private func fill(_ vacancy: Vacancy) async {
        guard let replan = self.replan else { return }
        do {
            self.planned(vacancy, try await replan(vacancy))
        } catch {
            // Who has given up the search does not want to hear of it.
            guard !Task.isCancelled else { return }
            self.state.withLock { state in
                state.failure = state.failure.map { $0.unrecovered(because: error) }
                state.happened { $0.unplanned(vacancy.id, now: .now) }
            }
        }
    }

    private func reopen(_ vacancy: Vacancy) async {
        let old = self.state.withLock { $0.spans[vacancy.lost.id] }
        guard let span = old?.reopened() else { return await self.fill(vacancy) }
        self.planned(vacancy, [span])
    }

    private func planned(_ vacancy: Vacancy, _ spans: [any Span]) {
        self.state.withLock { state in
            let members = spans.map { state.take($0) }
            state.happened { $0.planned(vacancy.id, members, now: .now) }
            state.chores?.yield()
        }
    }
}
