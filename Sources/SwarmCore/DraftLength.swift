/// How many guessed tokens to send along with the next one.
///
/// A pass that carries guesses costs a little more and gives as many tokens as were right, and one. What it costs, and how
/// often guesses are right, is measured; before that a guess is thought to cost as much as the blocks take for a token, so
/// the first are sent only where most of a step is spent on the way. Whether guesses were sent, and how many, changes no
/// token (`specs/swarm.md` §3.9).
package struct DraftLength: Sendable {
    /// Who decides.
    package enum Choice: Hashable, Sendable {
        /// As many as pay, which may be none.
        case measured
        case fixed(Int)
    }

    private let choice: Choice
    /// Microseconds of a pass that carries one token, and of that what its blocks took.
    private var single = MovingMean()
    private var compute = MovingMean()
    /// Microseconds that each guess adds.
    private var extra = MovingMean()
    /// How many of the guesses that were looked at were right.
    private var accuracy = MovingMean()
    private var passesWithout = 0

    package init(_ choice: Choice) {
        self.choice = choice
    }

    /// Guesses for the next pass, at most ``Limits/draftTokens``.
    package var count: Int {
        switch self.choice {
        case .fixed(let count): return min(max(count, 0), Limits.draftTokens)
        case .measured:
            guard let single = self.single.value, let compute = self.compute.value else { return 0 }
            let extra = self.extra.value ?? compute
            // Nobody knows yet: as likely right as wrong.
            let accuracy = self.accuracy.value ?? 0.5
            let best = (0...Limits.draftTokens).max { left, right in
                Self.rate(left, single, extra, accuracy) < Self.rate(right, single, extra, accuracy)
            }
            // A text changes its mind: now and then one guess finds out.
            if best == 0, self.passesWithout >= Limits.draftPause, extra < single { return 1 }
            return best ?? 0
        }
    }

    /// Tokens a microsecond that a pass with so many guesses is expected to give.
    private static func rate(_ count: Int, _ single: Double, _ extra: Double, _ accuracy: Double) -> Double {
        var (tokens, chance) = (1.0, 1.0)
        for _ in 0..<count {
            chance *= accuracy
            tokens += chance
        }
        return tokens / (single + Double(count) * extra)
    }

    /// A decode pass has been run.
    ///
    /// - Parameters:
    ///   - guesses: how many it carried.
    ///   - right: how many of them were drawn, before the first that was not.
    ///   - duration: all of it; `compute` is what the blocks took.
    package mutating func ran(guesses: Int, right: Int, duration: Duration, compute: Duration) {
        let took = max(duration, .zero) / .microseconds(1)
        self.passesWithout = guesses == 0 ? self.passesWithout + 1 : 0
        guard guesses > 0 else {
            self.single.add(took)
            self.compute.add(max(compute, .zero) / .microseconds(1))
            return
        }
        if let single = self.single.value { self.extra.add(max(0, took - single) / Double(guesses)) }
        // The guesses behind the first wrong one were never looked at.
        for index in 0..<min(right + 1, guesses) { self.accuracy.add(index < right ? 1 : 0) }
    }
}

/// A mean in which the last values count most.
private struct MovingMean: Sendable {
    private(set) var value: Double?

    /// How much one value counts: about the last ten decide.
    private static let weight = 0.1

    mutating func add(_ next: Double) {
        self.value = self.value.map { $0 + (next - $0) * Self.weight } ?? next
    }
}
