internal import ShardProtocol

/// One session of a ledger: how many tokens its KV-cache holds, and what runs and waits.
package struct Session: Sendable {
    enum Activity: Sendable {
        case idle(since: ContinuousClock.Instant)
        case running(StepRequest, waiting: [StepRequest], closing: Bool)
    }

    /// The span that all its steps run; the first step chose it.
    var blocks: BlockRange
    /// Tokens committed.
    var length = 0
    var lastCommitted: StepRequest?
    /// The highest step number seen.
    var highestNumber: UInt32?
    var activity: Activity

    /// Why a step that is first in the queue may not run on what the session holds; nil when it may
    /// (DESIGN.md §5, "Steps").
    func refusal(of step: StepRequest) -> Refusal? {
        if let number = step.number, let highest = self.highestNumber, number < highest {
            return Refusal(code: .staleStep, have: self.length)
        }
        // Starting afresh may choose another span.
        guard step.position > 0 else { return nil }
        guard step.blocks == self.blocks else { return Refusal(code: .wrongRange, have: self.length) }
        if step.position == self.length { return nil }
        // The step last committed is computed again rather than stored: the answer is the same to the bit.
        let mayCutBack = step.rollback || self.lastCommitted.map(step.repeats) ?? false
        guard step.position < self.length, mayCutBack else { return Refusal(code: .gap, have: self.length) }
        return nil
    }

    var isIdle: Bool {
        if case .idle = self.activity { true } else { false }
    }

    var idleSince: ContinuousClock.Instant? {
        if case .idle(let since) = self.activity { since } else { nil }
    }
}
