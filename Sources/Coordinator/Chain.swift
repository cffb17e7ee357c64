package import Model
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

    struct State {
        var session: ChainSession<SpanInput>
        var spans: [HopID: any Span]
        var nextHop: UInt64
        /// Wakes whoever tends the chain.
        var chores: AsyncStream<Void>.Continuation?

        mutating func take(_ span: any Span) -> ChainMember {
            let id = HopID(rawValue: self.nextHop)
            self.nextHop += 1
            self.spans[id] = span
            return ChainMember(id: id, peer: span.peer, blocks: span.blocks, isExact: span.isExact)
        }
    }

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
    ///   - replan: nil where there is nobody else; a loss then ends the sequence.
    /// - Throws: ``CoordinatorError`` with code `badChain` when the spans leave a gap, overlap, or end elsewhere.
    package init(
        spans: [any Span],
        blockCount: Int,
        chunk: Int = Limits.prefillChunk,
        book: PeerBook? = nil,
        keepsStandbys: Bool = false,
        replan: Replan? = nil
    ) throws(CoordinatorError) {
        try Self.check(spans.map { (name: $0.name, blocks: $0.blocks) }, blockCount: blockCount)
        let members = spans.enumerated().map { index, span in
            ChainMember(
                id: HopID(rawValue: UInt64(index)),
                peer: span.peer,
                blocks: span.blocks,
                isExact: span.isExact
            )
        }
        self.replan = replan
        self.executor = spans.lazy.compactMap(\.executor).first
        self.book = book
        self.state = Mutex(
            State(
                session: ChainSession(
                    members,
                    chunk: chunk,
                    isRecoverable: replan != nil,
                    keepsStandbys: keepsStandbys
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

    /// The thread on which every pass runs from beginning to end; nil where passes leave this process.
    package var queue: ComputeQueue? {
        let spans = self.spans
        return spans.count == 1 ? spans[0].queue : nil
    }

    /// What one pass gave.
    package struct Result: Sendable {
        /// f16 bits, `[guesses + 1][vocabulary]`; nil when the pass wanted none.
        package var logits: [UInt16]?
        /// One for each step, in the order in which they ran.
        package var timings: [(hop: HopID, timing: StepTiming)] = []
        package var recoveries: [Recovery] = []
    }

    /// Frees the sequence's cache on every hop, at once; who was left before is not waited for.
    package func close() async {
        let spans = self.state.withLock { state in
            for id in state.session.takeRetired() { state.spans[id] = nil }
            return Array(state.spans.values)
        }
        await withDiscardingTaskGroup { group in
            for span in spans { group.addTask { await span.close() } }
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

    package func run(_ pass: SequenceState.Pass) async throws(CoordinatorError) -> Result {
        // From hop to hop on the thread of their connections: nobody is woken but by an answer.
        try await withTaskExecutorPreference(self.executor) { () async throws(CoordinatorError) in
            try await self.obey(pass)
        }
    }

    private func obey(_ pass: SequenceState.Pass) async throws(CoordinatorError) -> Result {
        var result = Result()
        result.timings.reserveCapacity(8)
        var failure: CoordinatorError?
        var action = self.state.withLock {
            $0.session.begin(
                .tokens(pass.tokens),
                at: pass.position,
                wantsLogits: pass.wantsLogits,
                guesses: pass.guesses,
                now: .now
            )
        }
        while true {
            switch action {
            case .send(let step): action = await self.send(step, &result, &failure)
            case .plan(let vacancy): action = await self.fill(vacancy, &failure)
            case .reopen(let vacancy): action = await self.reopen(vacancy, &failure)
            case .finished:
                self.state.withLock { state in
                    result.recoveries = state.takeRecoveries()
                    if state.session.hasChores { state.chores?.yield() }
                }
                HopMetrics.recovered(result.recoveries)
                return result
            case .wait, .fail: throw failure ?? CoordinatorError(.cancelled, "the generation was cancelled")
            }
        }
    }

    /// Has a hop run its step; where that takes too long, somebody else.
    private func send(_ step: Step, _ result: inout Result, _ failure: inout CoordinatorError?) async -> Action {
        guard let span = self.state.withLock({ $0.spans[step.hop] }) else { preconditionFailure("a hop has a span") }
        let takeover = Mutex<Action?>(nil)
        let deadline = StepDeadline(after: step.deadline) {
            guard let action = await self.takeOver(step) else { return false }
            takeover.withLock { $0 = action }
            return true
        }
        do throws(CoordinatorError) {
            let answer = try await span.step(
                step.payload,
                at: step.position,
                wantsLogits: step.wantsLogits,
                guesses: step.guesses,
                deadline: deadline
            )
            if let action = takeover.withLock({ $0 }) {
                self.failed(span)
                return action
            }
            let (timing, isLeaving) = (answer.timing, answer.isLeaving)
            let next = try Self.next(answer.output, of: step, span)
            if case .logits(let logits) = answer.output, step.wantsLogits { result.logits = logits }
            result.timings.append((step.hop, timing))
            HopMetrics.answered(timing)
            if let peer = span.peer {
                let (blocks, tokens) = (span.blocks.count, step.payload.tokenCount)
                self.book?.noteStep(peer: peer, timing: timing, blocks: blocks, tokens: tokens)
            }
            return self.state.withLock {
                $0.session.answered(step.id, with: next, isLeaving: isLeaving, now: .now)
            }
        } catch {
            if let action = takeover.withLock({ $0 }) {
                self.failed(span)
                return action
            }
            failure = error
            if error.loss.isOfThePeer { self.failed(span) }
            return self.state.withLock { $0.session.failed(step.id, error.loss, now: .now) }
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
        of step: Step,
        _ span: any Span
    ) throws(CoordinatorError) -> SpanInput? {
        switch output {
        case .hidden(let activations) where !step.isLast: return .hidden(activations)
        case .logits where step.isLast: return nil
        case .hidden where step.isLast && !step.wantsLogits, .nothing where step.isLast && !step.wantsLogits:
            return nil
        case .hidden, .logits, .nothing:
            throw CoordinatorError(
                .badReply,
                "\(span.name) answered something else than blocks \(span.blocks) give: leave it out and run again"
            )
        }
    }
}

// MARK: - Losses

extension Chain {
    /// A step is late: looks for others while its hop is waited for. Nil when there are none.
    private func takeOver(_ step: Step) async -> Action? {
        let action = self.state.withLock { $0.session.late(step.id, now: .now) }
        if case .send = action { return action }
        guard case .plan(let vacancy) = action, let replan = self.replan else { return nil }
        guard let spans = try? await replan(vacancy), !Task.isCancelled else {
            _ = self.state.withLock { $0.session.unplanned(vacancy.id, now: .now) }
            return nil
        }
        return self.planned(vacancy, spans)
    }

    private func fill(_ vacancy: Vacancy, _ failure: inout CoordinatorError?) async -> Action {
        guard let replan = self.replan else { return .fail }
        do {
            return self.planned(vacancy, try await replan(vacancy))
        } catch {
            guard !Task.isCancelled else {
                failure = CoordinatorError(.cancelled, "the generation was cancelled")
                return .fail
            }
            failure = failure.map { $0.unrecovered(because: error) }
            return self.state.withLock { $0.session.unplanned(vacancy.id, now: .now) }
        }
    }

    private func reopen(_ vacancy: Vacancy, _ failure: inout CoordinatorError?) async -> Action {
        let old = self.state.withLock { $0.spans[vacancy.lost.id] }
        guard let span = old?.reopened() else { return await self.fill(vacancy, &failure) }
        return self.planned(vacancy, [span])
    }

    private func planned(_ vacancy: Vacancy, _ spans: [any Span]) -> Action {
        self.state.withLock { state in
            let members = spans.map { state.take($0) }
            defer { state.chores?.yield() }
            return state.session.planned(vacancy.id, members, now: .now)
        }
    }
}
