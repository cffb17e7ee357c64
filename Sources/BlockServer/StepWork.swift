internal import Model
internal import SwarmCore

/// A step on its way through as many passes as the scheduler gives it.
struct StepWork: Sendable {
    let key: SessionKey
    let order: SessionLedger.RunOrder
    let cache: KVCache
    let input: StepInput
    let arrival: ContinuousClock.Instant
    /// What its passes gave so far, as f16 bits.
    private var values: [UInt16] = []
    /// What they took.
    private(set) var computing = Duration.zero

    init(
        key: SessionKey,
        order: SessionLedger.RunOrder,
        cache: KVCache,
        input: StepInput,
        arrival: ContinuousClock.Instant
    ) {
        self.key = key
        self.order = order
        self.cache = cache
        self.input = input
        self.arrival = arrival
    }

    /// Its part in a pass.
    func part(_ portion: BatchScheduler.Portion) -> LoadedRange.Step {
        LoadedRange.Step(
            input: self.input.input(portion.tokens),
            position: self.order.position + portion.tokens.lowerBound,
            cache: self.cache,
            output: self.input.answer.output(
                after: self.input.tokenCount - portion.tokens.upperBound,
                of: portion.tokens.count
            )
        )
    }

    mutating func computed(_ values: [UInt16], took duration: Duration) {
        self.values = self.values.isEmpty ? values : self.values + values
        self.computing += duration
    }

    /// How it ended, once its last pass has.
    func outcome(at now: ContinuousClock.Instant) -> StepOutcome {
        .computed(
            values: self.values,
            have: self.order.position + self.order.tokenCount,
            queued: self.arrival.duration(to: now) - self.computing,
            took: self.computing
        )
    }
}
