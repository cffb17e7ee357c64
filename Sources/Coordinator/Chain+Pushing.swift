import P2PCore
import ShardProtocol
import SwarmCore
import Synchronization

/// Steps that go from hop to hop.
extension Chain {
    typealias Push = ChainSession<SpanInput>.Push
    typealias Edge = ChainSession<SpanInput>.Edge

    /// Lets the first span of an edge push to the second.
    func connect(_ edge: Edge) async {
        let (from, to) = self.state.withLock { ($0.spans[edge.from], $0.spans[edge.to]) }
        guard let from, let to, let peer = from.peer, let target = to.pushTarget else {
            return self.state.withLock { $0.session.connected(edge, isOpen: false) }
        }
        async let isTaken = to.takePushes(from: peer)
        async let isReached = from.push(to: target) { [weak self] in self?.broke(edge) }
        let (taken, reached) = await (isTaken, isReached)
        let isKnown = taken && reached || !Task.isCancelled
        self.state.withLock { $0.session.connected(edge, isOpen: isKnown ? taken && reached : nil) }
    }

    private func broke(_ edge: Edge) {
        self.state.withLock { state in
            state.happened { $0.broke(edge, now: .now) }
            if state.session.hasChores { state.chores?.yield() }
        }
    }

    /// A step is about to be sent that goes on from its hop to others.
    func expect(_ origin: Step) {
        let pushes = origin.pushes
        for (index, push) in pushes.enumerated() {
            guard let span = self.state.withLock({ $0.spans[push.hop] }) else { continue }
            let next = index + 1 < pushes.count ? pushes[index + 1] : nil
            let step = PushedStep(
                number: push.number,
                tokenCount: push.tokenCount,
                wantsLogits: push.wantsLogits,
                guesses: push.guesses
            )
            span.expect(step) { self.ended(push, of: span, $0, before: next, origin.id) }
        }
    }

    private func ended(
        _ push: Push,
        of span: any Span,
        _ outcome: PushOutcome,
        before next: Push?,
        _ origin: StepID
    ) {
        switch outcome {
        case .answered(let answer):
            do throws(CoordinatorError) {
                let output = try Self.next(answer.output, isLast: push.isLast, push.wantsLogits, span)
                self.answered(push, answer, output, before: next, origin)
            } catch {
                self.wentAstray(push)
            }
        case .failed, .astray: self.wentAstray(push)
        }
    }

    /// Also what is answered wrongly: the hop that pushed may have sent something else, so nobody is blamed before the step
    /// comes the long way.
    private func wentAstray(_ push: Push) {
        self.state.withLock { state in state.happened { $0.astray(push.id, now: .now) } }
    }

    private func answered(
        _ push: Push,
        _ answer: SpanAnswer,
        _ output: SpanInput?,
        before next: Push?,
        _ origin: StepID
    ) {
        let shares = self.state.withLock { state -> [State.Share] in
            guard state.session.isOutstanding(push.id) else { return [] }
            if case .logits(let logits) = answer.output, push.wantsLogits { state.result.logits = logits }
            let shares = state.took(answer.timing, push.id, of: origin)
            state.result.pushedSteps += 1
            state.happened { $0.answered(push.id, with: output, isLeaving: answer.isLeaving, now: .now) }
            if answer.isUnpushed, let next { state.happened { $0.astray(next.id, now: .now) } }
            return shares
        }
        self.note(shares, tokens: push.tokenCount, isPushed: true)
    }

    /// Looks after those who were pushed to and have not answered for a moment: nobody else waits for them.
    func watchPushes() async {
        await withDiscardingTaskGroup { group in
            var watched: Set<StepID> = []
            while (try? await pause(for: Limits.pingInterval)) != nil {
                let now = ContinuousClock.now
                let awaited = self.state.withLock { $0.session.awaitedPushes }
                    .filter { $0.since.duration(to: now) >= Limits.pingInterval }
                watched.formIntersection(awaited.map(\.id))
                for push in awaited where watched.insert(push.id).inserted {
                    group.addTask { await self.watch(push.id) }
                }
            }
            group.cancelAll()
        }
    }

    /// Watches one of them until it is answered, or nobody waits for it any more.
    private func watch(_ id: StepID) async {
        while !Task.isCancelled {
            let awaited = self.state.withLock { state in
                state.session.awaitedPushes.first { $0.id == id }.flatMap { push in
                    state.spans[push.hop].map { (push: push, span: $0) }
                }
            }
            guard let (push, span) = awaited else { return }
            let isAlive = await span.isAlive(since: push.since)
            guard !Task.isCancelled else { return }
            let now = ContinuousClock.now
            let isLost = self.state.withLock { state in
                guard state.session.isOutstanding(id) else { return false }
                guard isAlive else {
                    state.failure = CoordinatorError(
                        .peerLost,
                        "lost peer \(span.name), which ran blocks \(span.blocks): \(Silent())"
                    )
                    state.happened { $0.failed(id, .gone, now: now) }
                    return true
                }
                if push.since.duration(to: now) >= push.deadline { state.happened { $0.late(id, now: now) } }
                return false
            }
            if isLost { self.failed(span) }
        }
    }
}
