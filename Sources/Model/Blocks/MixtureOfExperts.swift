internal import CKernels

/// Σ weight · expert(x) over the few experts that a router picks for each token, in ascending order of the experts
/// (DESIGN.md §6.9); and one that all tokens take, in some families.
struct MixtureOfExperts: Sendable {
    let router: Product
    let experts: [GatedFeedForward]
    let shared: GatedFeedForward?
    let sharedGate: Product?
    /// Experts for each token.
    let chosen: Int
    let normalizesWeights: Bool

    func callAsFunction(_ x: Rows, _ pass: Pass) -> Rows {
        let weights = self.route(x, pass)
        let y = pass.rows(pass.scratch.mixed, width: x.width)
        y.start.update(repeating: 0, count: y.count * y.width)
        for (index, expert) in self.experts.enumerated() {
            let taken = self.gather(x, takenBy: index, weights, pass)
            if taken.count == 0 { continue }
            let results = expert(taken, pass)
            var row = 0
            for token in 0..<x.count where weights[token][index] != 0 {
                kw_add(pass.kernels.table, y[token], results[row], weights[token][index], y.width)
                row += 1
            }
        }
        self.addShared(x, to: y, weights, pass)
        return y
    }

    /// The tokens that take an expert, one behind another.
    private func gather(_ x: Rows, takenBy expert: Int, _ weights: Rows, _ pass: Pass) -> Rows {
        var count = 0
        for token in 0..<x.count where weights[token][expert] != 0 {
            (pass.scratch.gathered.start + count * x.width).update(from: x[token], count: x.width)
            count += 1
        }
        return Rows(start: pass.scratch.gathered.start, count: count, width: x.width)
    }

    private func addShared(_ x: Rows, to y: Rows, _ weights: Rows, _ pass: Pass) {
        guard let shared, let sharedGate else { return }
        // The routing has done its work; its memory takes the gate of each token.
        let gates = Rows(start: weights.start, count: x.count, width: 1)
        sharedGate(x, into: gates, pass)
        let results = shared(x, pass)
        for token in 0..<x.count {
            kw_add(pass.kernels.table, y[token], results[token], 1 / (1 + kw_expf(-gates[token][0])), y.width)
        }
    }

    /// The numbers that a token is multiplied with.
    var weightCount: Int {
        let experts = self.chosen * (self.experts.first?.weightCount ?? 0)
        return self.router.weightCount + experts + (self.shared?.weightCount ?? 0)
    }
}

// MARK: Routing

extension MixtureOfExperts {
    /// What each expert's result is multiplied by for each token, [tokens][experts]: softmax(router(x)) where the
    /// expert is among the token's largest, and 0 elsewhere.
    private func route(_ x: Rows, _ pass: Pass) -> Rows {
        let weights = pass.rows(pass.scratch.routing, width: self.router.rows)
        self.router(x, into: weights, pass)
        pass.split(x.count, grain: 1) { tokens in
            for token in tokens {
                let logits = UnsafeMutableBufferPointer(start: weights[token], count: weights.width)
                pass.routerProbe?(logits)
                Self.weigh(logits, chosen: self.chosen, normalizes: self.normalizesWeights)
            }
        }
        return weights
    }

    /// Turns a token's logits into its weights.
    static func weigh(_ weights: UnsafeMutableBufferPointer<Float>, chosen: Int, normalizes: Bool) {
        var highest = -Float.infinity
        for logit in weights where logit > highest { highest = logit }
        var sum: Float = 0
        for expert in weights.indices {
            weights[expert] = kw_expf(weights[expert] - highest)
            sum += weights[expert]
        }
        // Those that are chosen turn negative for the while; -0 is one of them.
        for _ in 0..<chosen { weights[self.largest(weights)].negate() }
        var chosenSum: Float = 0
        for weight in weights where weight.sign == .minus { chosenSum -= weight }
        let divisor = normalizes ? chosenSum : sum
        for expert in weights.indices {
            weights[expert] = weights[expert].sign == .minus ? -weights[expert] / divisor : 0
        }
    }

    /// The lowest of those that have the largest weight and are not chosen yet.
    private static func largest(_ weights: UnsafeMutableBufferPointer<Float>) -> Int {
        var best: Int?
        for expert in weights.indices where weights[expert].sign == .plus {
            if let known = best, weights[expert] <= weights[known] { continue }
            best = expert
        }
        return best ?? 0
    }
}
