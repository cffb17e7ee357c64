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

    /// The base of the wavelengths, `rope_theta`.
    public var base: Double
    public var scaling: Scaling

    /// Radians per position of each of the `dimension / 2` pairs.
    package func frequencies(dimension: Int) -> [Double] {
        let plain = (0..<dimension / 2).map { pair in
            1 / Numerics.pow(self.base, Double(2 * pair) / Double(dimension))
        }
        switch self.scaling {
        case .none: return plain
        case .linear(let factor): return plain.map { $0 / factor }
        case .llama3(let scaling): return plain.map(scaling.scaled)
        case .yarn(let scaling): return scaling.scaled(plain, base: self.base)
        }
    }

    /// What cosine and sine are multiplied by.
    package var amplitude: Double {
        if case .yarn(let scaling) = self.scaling { scaling.attentionFactor } else { 1 }
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
    package var mathematics: JSON {
        var members: [JSON.Member] = [.init("base", .real(self.base))]
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
        }
        return .object(members)
    }
}
