import Model

/// Draws tokens from logits, the same on every machine (DESIGN.md §6.8).
///
/// Candidates order by (logit descending, id ascending), sums run in that order, and the random number of a position
/// is a function of (seed, position): a retry, a rollback or speculation cannot shift it.
package struct Sampler: Sendable {
    private let options: SamplingOptions

    package init(options: SamplingOptions) throws(CoordinatorError) {
        try options.validate()
        self.options = options
    }

    /// The token for `position`.
    ///
    /// - Parameter logits: one finite value for each token of the vocabulary.
    package func token(from logits: [Float], at position: Int) -> UInt32 {
        if self.options.temperature == 0 { return Self.largest(of: logits) }
        let peak = logits[Int(Self.largest(of: logits))]
        let weight = { (logit: Float) -> Double in
            Numerics.exp(Double(logit - peak) / self.options.temperature)
        }

        var drawn: [(token: UInt32, weight: Double)] = []
        var candidates: CandidateHeap
        let total: Double
        if self.options.topK > 0, self.options.topK < logits.count {
            candidates = CandidateHeap(logits: logits)
            for _ in 0..<self.options.topK {
                guard let next = candidates.pop() else { break }
                drawn.append((next.token, weight(next.logit)))
            }
            total = drawn.reduce(0) { $0 + $1.weight }
        } else {
            total = logits.reduce(0) { $0 + weight($1) }
            // All below it together weigh no more than what the nucleus leaves out, or is seldom asked for.
            let least = max(1 - self.options.topP, 0.001) * total / Double(logits.count)
            let cut = Double(peak) + self.options.temperature * Numerics.log(least)
            candidates = CandidateHeap(logits: logits, from: Float(cut))
        }

        let next = { candidates.pop().map { ($0.token, weight($0.logit)) } }
        // Where nothing is left out, nothing has to be put in order but what comes before the token.
        let all = (count: drawn.isEmpty ? logits.count : drawn.count, mass: total)
        let nucleus =
            self.options.topP < 1 ? Self.nucleus(of: &drawn, share: self.options.topP * total, next: next) : all
        var remaining = Numerics.random(seed: self.options.seed, position: UInt64(position)) * nucleus.mass
        for index in 0..<nucleus.count {
            if index == drawn.count {
                // The sum in this order may end a rounding below the total.
                guard let candidate = next() else { break }
                drawn.append(candidate)
            }
            remaining -= drawn[index].weight
            if remaining < 0 { return drawn[index].token }
        }
        return drawn[min(nucleus.count, drawn.count) - 1].token
    }

    /// Whether a draw takes no longer than to wake another thread for it: a tenth of a millisecond, or so.
    package func isBrief(vocabulary: Int) -> Bool {
        self.options.temperature == 0 || vocabulary <= Limits.briefVocabulary
    }

    /// Counts the most probable candidates that hold `share`, fetching more with `next` while `drawn` holds too few.
    ///
    /// Sums in descending order may end a rounding below the total that was summed in ascending ids, so running out
    /// of candidates also ends it.
    private static func nucleus(
        of drawn: inout [(token: UInt32, weight: Double)],
        share: Double,
        next: () -> (UInt32, Double)?
    ) -> (count: Int, mass: Double) {
        var mass = 0.0
        var count = 0
        while mass < share {
            if count == drawn.count {
                guard let candidate = next() else { break }
                drawn.append(candidate)
            }
            mass += drawn[count].weight
            count += 1
        }
        return (count, mass)
    }

    private static func largest(of logits: [Float]) -> UInt32 {
        var best = 0
        for index in logits.indices where logits[index] > logits[best] { best = index }
        return UInt32(best)
    }
}
