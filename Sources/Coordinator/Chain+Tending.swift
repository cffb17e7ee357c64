import ShardProtocol
import SwarmCore
import Synchronization

/// What goes on beside the passes: sessions that are over are closed, and whoever may have to take over is prepared.
extension Chain {
    /// Tends the chain until it is cancelled; one task may at a time.
    package func tend() async {
        guard self.replan != nil else { return }
        let (wakes, chores) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        self.state.withLock { $0.chores = chores }
        chores.yield()
        await withTaskExecutorPreference(self.executor) {
            await withDiscardingTaskGroup { group in
                group.addTask { await self.watchPushes() }
                for await _ in wakes {
                    for span in self.takeRetired() { group.addTask { await span.close() } }
                    while !Task.isCancelled, let chore = self.nextChore() {
                        switch chore {
                        case .send(let step): await self.feed(step)
                        case .prepare(let vacancy): await self.prepare(vacancy)
                        case .connect(let edge): group.addTask { await self.connect(edge) }
                        }
                    }
                }
                group.cancelAll()
            }
        }
    }

    private func nextChore() -> ChainSession<SpanInput>.Chore? {
        self.state.withLock { $0.session.nextChore(now: .now) }
    }

    private func takeRetired() -> [any Span] {
        self.state.withLock { state in
            state.session.takeRetired().compactMap { state.spans.removeValue(forKey: $0) }
        }
    }

    private func prepare(_ vacancy: Vacancy) async {
        let spans = try? await self.replan?(vacancy)
        self.state.withLock { state in
            guard let spans else {
                guard !Task.isCancelled else { return state.session.interrupted(vacancy.id) }
                return state.session.unprepared(vacancy.id)
            }
            state.session.prepared(vacancy.id, spans.map { state.take($0) })
        }
    }

    private func feed(_ step: Step) async {
        guard let span = self.state.withLock({ $0.spans[step.hop] }) else { return }
        do throws(CoordinatorError) {
            // Nobody waits for it, so a late one is as good as none.
            let answer = try await span.step(SpanStep(step), deadline: StepDeadline(after: step.deadline) { true })
            let output = try Self.next(answer.output, isLast: step.isLast, step.wantsLogits, span)
            self.state.withLock { $0.session.fed(step.id, with: output, now: .now) }
        } catch  where Task.isCancelled {
            // The turn is over, of which nobody is to blame.
            self.state.withLock { $0.session.interrupted(step.id) }
        } catch {
            if error.loss.isOfThePeer { self.failed(span) }
            self.state.withLock { $0.session.starved(step.id) }
        }
    }
}

extension Chain.State {
    mutating func takeRecoveries() -> [Recovery] {
        self.session.takeRecovered().map { recovery in
            Recovery(
                blocks: recovery.lost.blocks,
                from: recovery.lost.peer.map { "\($0)" } ?? "a peer",
                to: recovery.replacements.map { (name: $0.peer.map { "\($0)" } ?? "a peer", blocks: $0.blocks) },
                reason: recovery.loss.phrase,
                tokens: recovery.tokens,
                duration: recovery.duration
            )
        }
    }
}
