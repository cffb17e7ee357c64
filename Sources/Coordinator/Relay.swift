import SwarmCore

/// One step that goes from hop to hop, and where its time goes.
///
/// Each hop answers, and says how long it computed and waited. How long its answer took counts from the moment when the step
/// left for the first hop, so it holds what the hops before did, and the ways between. What is left without their work is
/// the way up to this hop and from there back here; how much more that is than up to the hop before is this one's share.
struct Relay: Sendable {
    /// In the order in which the step goes through them, and what it is called on each.
    let steps: [(id: StepID, hop: HopID)]
    private var answers: [StepTiming?]

    init(_ step: Chain.Step) {
        self.init([(step.id, step.hop)] + step.pushes.map { ($0.id, $0.hop) })
    }

    init(_ steps: [(id: StepID, hop: HopID)]) {
        self.steps = steps
        self.answers = steps.map { _ in nil }
    }

    /// A hop has answered; its timing adds up to the time since the step left for the first.
    mutating func answered(_ step: StepID, _ timing: StepTiming) {
        guard let place = self.steps.firstIndex(where: { $0.id == step }) else { return }
        self.answers[place] = timing
    }

    /// What the step took on each hop, which adds up to what it took until the last one's answer; nil while answers lack.
    ///
    /// An answer may overtake that of the hop before, whose way was then no longer than the one that went on.
    var shares: [(hop: HopID, timing: StepTiming)]? {
        var shares = zip(self.steps, self.answers).compactMap { step, answer in
            answer.map { (hop: step.hop, timing: $0) }
        }
        guard shares.count == self.steps.count else { return nil }
        var worked = Duration.zero
        for index in shares.indices {
            let timing = shares[index].timing
            shares[index].timing.network = max(timing.network - worked, .zero)
            worked += timing.compute + timing.queue
        }
        for index in shares.indices.dropLast().reversed() {
            shares[index].timing.network = min(shares[index].timing.network, shares[index + 1].timing.network)
        }
        for index in shares.indices.dropFirst().reversed() {
            shares[index].timing.network -= shares[index - 1].timing.network
        }
        return shares
    }
}
