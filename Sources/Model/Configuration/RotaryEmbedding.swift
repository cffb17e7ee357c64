package import StrictJSON

/// How positions turn the pairs of a head (RoPE), with the scalings that stretch it over longer contexts.
///
/// Every number is fixed by the configuration, never by the current length, so that a position's rotation is the same
/// whenever it is computed (DESIGN.md §6.5).
public struct RotaryEmbedding: Equatable, Sendable {
    public enum Scaling: Equatable, Sendable {
        case none
        /// Positions are divided by `factor`.
        case linear(factor: Double)
        case llama3(Llama3)
        case yarn(YaRN)
        case longrope(LongRoPE)
    }

    /// Llama 3.1: long wavelengths are stretched, short ones kept, those between interpolated.
    public struct Llama3: Equatable, Sendable {
        public var factor: Double
        public var lowFrequencyFactor: Double
        public var highFrequencyFactor: Double
        public var originalContextLength: Double
    }

    /// YaRN (arXiv 2309.00071): a ramp over the dimensions between kept and stretched frequencies, and a factor on
    /// the attention.
    public struct YaRN: Equatable, Sendable {
        public var factor: Double
        public var originalContextLength: Double
        public var fastRotations: Double
        public var slowRotations: Double
        /// Multiplies cosine and sine.
        public var attentionFactor: Double
        /// Whether the ends of the ramp are rounded outwards to whole dimensions.
        public var roundsRamp: Bool
    }

    /// LongRoPE (arXiv 2402.13753): every pair has a factor of its own, one for contexts up to the original one and one
    /// for longer ones. The serving context decides for all positions.
    public struct LongRoPE: Equatable, Sendable {
        public var shortFactors: [Double]
        public var longFactors: [Double]
        public var originalContextLength: Double
        /// Multiplies cosine and sine, with either factors.
        public var attentionFactor: Double

        func factors(contextLength: Int) -> [Double] {
            Double(contextLength) > self.originalContextLength ? self.longFactors : self.shortFactors
        }
    }

    /// The base of the wavelengths, `rope_theta`.
    public var base: Double
    public var scaling: Scaling
    /// The part of a head that is turned, from its start; the rest stays as it is.
    public var fraction = 1.0

    /// How many numbers of a head are turned.
    package func rotatedDimension(of dimension: Int) -> Int { Int(Double(dimension) * self.fraction) }

    /// Radians per position of each pair that is turned.
    ///
    /// - Parameters:
    ///   - dimension: of a head.
    ///   - contextLength: the most positions that will be served.
    package func frequencies(dimension: Int, contextLength: Int) -> [Double] {
        let rotated = self.rotatedDimension(of: dimension)
        let plain = (0..<rotated / 2).map { pair in
            1 / Numerics.pow(self.base, Double(2 * pair) / Double(rotated))
        }
        switch self.scaling {
        case .none: return plain
        case .linear(let factor): return plain.map { $0 / factor }
        case .llama3(let scaling): return plain.map(scaling.scaled)
        case .yarn(let scaling): return scaling.scaled(plain, base: self.base)
        case .longrope(let scaling): return zip(plain, scaling.factors(contextLength: contextLength)).map { $0 / $1 }
        }
    }

    /// What cosine and sine are multiplied by.
    package var amplitude: Double {
        switch self.scaling {
        case .yarn(let scaling): scaling.attentionFactor
        case .longrope(let scaling): scaling.attentionFactor
        case .none, .linear, .llama3: 1
        }
    }

    /// What makes it impossible for heads of `dimension` numbers; nil where nothing does.
    func problem(dimension: Int) -> String? {
        let rotated = self.rotatedDimension(of: dimension)
        guard self.fraction > 0, self.fraction <= 1, rotated > 0, rotated.isMultiple(of: 2) else {
            return "\(self.fraction) of a head of \(dimension) is no even number to turn"
        }
        guard self.base > 1, self.base.isFinite else { return "the base of RoPE must be above 1" }
        if case .longrope(let scaling) = self.scaling {
            for factors in [scaling.shortFactors, scaling.longFactors] {
                guard factors.count == rotated / 2, factors.allSatisfy({ $0 > 0 && $0.isFinite }) else {
                    return "longrope needs \(rotated / 2) factors above 0, one for each pair"
                }
            }
        }
        return nil
    }
}

extension RotaryEmbedding.Llama3 {
    fileprivate func scaled(_ frequency: Double) -> Double {
        let wavelength = 2 * Double.pi / frequency
        if wavelength < self.originalContextLength / self.highFrequencyFactor { return frequency }
        if wavelength > self.originalContextLength / self.lowFrequencyFactor { return frequency / self.factor }
        let kept =
            (self.originalContextLength / wavelength - self.lowFrequencyFactor)
            / (self.highFrequencyFactor - self.lowFrequencyFactor)
        return (1 - kept) * frequency / self.factor + kept * frequency
    }
}

extension RotaryEmbedding.YaRN {
    fileprivate func scaled(_ plain: [Double], base: Double) -> [Double] {
        let dimension = Double(2 * plain.count)
        /// The dimension whose pair makes so many rotations over the original context.
        func dimensionMaking(rotations: Double) -> Double {
            dimension * Numerics.log(self.originalContextLength / (rotations * 2 * .pi)) / (2 * Numerics.log(base))
        }
        var low = dimensionMaking(rotations: self.fastRotations)
        var high = dimensionMaking(rotations: self.slowRotations)
        if self.roundsRamp { (low, high) = (low.rounded(.down), high.rounded(.up)) }
        low = max(low, 0)
        high = min(high, dimension - 1)
        if low == high { high += 0.001 }
        return plain.enumerated().map { pair, frequency in
            let stretched = min(max((Double(pair) - low) / (high - low), 0), 1)
            return frequency / self.factor * stretched + frequency * (1 - stretched)
        }
    }
}

extension RotaryEmbedding {
    /// The canonical form of every number above; part of the model key.
    package func mathematics(contextLength: Int) -> JSON {
        var members: [JSON.Member] = [.init("base", .real(self.base))]
        if self.fraction != 1 { members.append(.init("fraction", .real(self.fraction))) }
        switch self.scaling {
        case .none:
            break
        case .linear(let factor):
            members += [.init("scaling", .string("linear")), .init("factor", .real(factor))]
        case .llama3(let scaling):
            members += [
                .init("scaling", .string("llama3")), .init("factor", .real(scaling.factor)),
                .init("low_frequency_factor", .real(scaling.lowFrequencyFactor)),
                .init("high_frequency_factor", .real(scaling.highFrequencyFactor)),
                .init("original_context_length", .real(scaling.originalContextLength)),
            ]
        case .yarn(let scaling):
            members += [
                .init("scaling", .string("yarn")), .init("factor", .real(scaling.factor)),
                .init("original_context_length", .real(scaling.originalContextLength)),
                .init("fast_rotations", .real(scaling.fastRotations)),
                .init("slow_rotations", .real(scaling.slowRotations)),
                .init("attention_factor", .real(scaling.attentionFactor)),
                .init("rounds_ramp", .bool(scaling.roundsRamp)),
            ]
        case .longrope(let scaling):
            members += [
                .init("scaling", .string("longrope")),
                .init("factors", .array(scaling.factors(contextLength: contextLength).map(JSON.real))),
                .init("attention_factor", .real(scaling.attentionFactor)),
            ]
        }
        return .object(members)
    }
}
