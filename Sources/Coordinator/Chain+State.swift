import ShardProtocol
import SwarmCore

extension Chain {
    /// What the tasks of a chain share: its session, its spans, and the pass that runs.
    struct State {
        var session: ChainSession<SpanInput>
        var spans: [HopID: any Span]
        var nextHop: UInt64
        /// Wakes whoever tends the chain.
        var chores: AsyncStream<Void>.Continuation?
        /// What is to be done next of the pass that runs; nil between two.
        var actions: AsyncStream<Action>.Continuation?
        /// What that pass gave so far.
        var result = Result()
        /// Why it failed, if it does.
        var failure: CoordinatorError?
        /// Steps on their way that their hops push on. The last hop may answer before these do.
        var pushing: Set<StepID> = []
        /// The same, until every hop has answered.
        var relays: [StepID: Relay] = [:]
        /// Whether the pass has all that it is for.
        var isFinished = false

        /// Whether answers are still to come that the log of another hop is made of.
        var awaitsAnswers: Bool { self.pushing.contains { self.session.isOutstanding($0) } }

        mutating func take(_ span: any Span) -> ChainMember {
            let id = HopID(rawValue: self.nextHop)
            self.nextHop += 1
            self.spans[id] = span
            return Self.member(id, span)
        }

        static func member(_ id: HopID, _ span: any Span) -> ChainMember {
            ChainMember(
                id: id,
                peer: span.peer,
                blocks: span.blocks,
                isExact: span.isExact,
                takesStepsAhead: span.takesStepsAhead,
                pushes: span.pushTarget != nil
            )
        }

        /// What a step took on one hop.
        struct Share {
            var span: (any Span)?
            var timing: StepTiming
        }

        /// A hop has run a step.
        mutating func took(_ timing: StepTiming, on hop: HopID) -> Share {
            self.result.timings.append((hop, timing))
            HopMetrics.answered(timing)
            return Share(span: self.spans[hop], timing: timing)
        }

        /// A hop has run a step that goes from hop to hop, of which all have to answer before anything is known.
        ///
        /// - Returns: what it took on each, once they have.
        mutating func took(_ timing: StepTiming, _ step: StepID, of relay: StepID) -> [Share] {
            self.relays[relay]?.answered(step, timing)
            guard let shares = self.relays[relay]?.shares else { return [] }
            self.relays[relay] = nil
            return shares.map { self.took($0.timing, on: $0.hop) }
        }

        /// Forgets those that will not be complete any more.
        mutating func dropRelays() {
            guard !self.relays.isEmpty else { return }
            self.relays = self.relays.filter { $0.value.steps.contains { self.session.isOutstanding($0.id) } }
        }

        /// Something happened: what follows from it is passed on to the pass, in this order.
        mutating func happened(_ event: (inout ChainSession<SpanInput>) -> [Action]) {
            let actions = event(&self.session)
            self.forgetDropped()
            for action in actions { self.actions?.yield(action) }
        }

        /// Of what is given up nothing may be kept: an answer may never come.
        mutating func forgetDropped() {
            for push in self.session.takeDropped() { self.spans[push.hop]?.forget(push.number) }
        }
    }
}
