internal import CKernels

/// The functions whose bits reach a token, the same on every machine (DESIGN.md §6).
public enum Numerics {
    /// Rises whenever any bit of any result may change; one chain never mixes versions.
    public static let version = 1

    /// e to the power of `x`; within two units in the last place.
    public static func exp(_ x: Double) -> Double { kw_exp(x) }

    /// The natural logarithm: -infinity at 0, NaN below.
    public static func log(_ x: Double) -> Double { kw_log(x) }

    /// Of an angle in radians, at most 2²⁰ in size; NaN beyond.
    public static func sin(_ x: Double) -> Double { kw_sin(x) }

    /// Of an angle in radians, at most 2²⁰ in size; NaN beyond.
    public static func cos(_ x: Double) -> Double { kw_cos(x) }

    /// `base` to the power of `exponent`, for a positive base.
    public static func pow(_ base: Double, _ exponent: Double) -> Double { kw_pow(base, exponent) }

    /// The random number of one position of a sequence, uniform in 0 ..< 1 in steps of 2⁻⁵³.
    ///
    /// A function of the seed and the position alone, never a stream's state, so that retries, rollback and
    /// speculation cannot shift it (DESIGN.md §6.8).
    public static func random(seed: UInt64, position: UInt64) -> Double {
        Double(self.randomBits(seed: seed, position: position) >> 11) * 0x1p-53
    }

    /// The 64 bits behind `random(seed:position:)`: the seed is mixed before the position is added, so that
    /// neighbouring seeds do not give shifted copies of one another.
    package static func randomBits(seed: UInt64, position: UInt64) -> UInt64 {
        self.mixed(self.mixed(seed &+ Self.increment) &+ position &* Self.increment)
    }

    /// 2⁶⁴ divided by the golden ratio, odd: multiples of it are spread evenly.
    private static let increment: UInt64 = 0x9E37_79B9_7F4A_7C15

    /// SplitMix64's finaliser: a bijection in which each input bit flips each output bit half of the time.
    private static func mixed(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }

    /// The f32 values of f16 bits.
    public static func floats(_ halves: [UInt16]) -> [Float] {
        [Float](unsafeUninitializedCapacity: halves.count) { buffer, count in
            halves.withUnsafeBufferPointer { halves in
                guard let from = halves.baseAddress, let to = buffer.baseAddress else { return }
                kw_widen(kw_kernels_best(), kw_f16, from, to, halves.count)
            }
            count = halves.count
        }
    }

    /// The nearest f16 bits of f32 values, ties to even, saturated at ±65504.
    public static func halves(_ floats: [Float]) -> [UInt16] {
        [UInt16](unsafeUninitializedCapacity: floats.count) { buffer, count in
            floats.withUnsafeBufferPointer { floats in
                guard let from = floats.baseAddress, let to = buffer.baseAddress else { return }
                _ = kw_narrow(kw_kernels_best(), from, to, floats.count)
            }
            count = floats.count
        }
    }
}
