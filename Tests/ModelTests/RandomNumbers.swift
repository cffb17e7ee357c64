@testable import Model

/// Numbers that look random and are the same in every run.
struct RandomNumbers: RandomNumberGenerator {
    private let seed: UInt64
    private var position: UInt64 = 0

    init(seed: UInt64) { self.seed = seed }

    mutating func next() -> UInt64 {
        defer { self.position += 1 }
        return Numerics.randomBits(seed: self.seed, position: self.position)
    }

    /// Numbers of size about `scale`, now and then zero, tiny or denormal.
    mutating func floats(_ count: Int, scale: Float = 1) -> [Float] {
        (0..<count).map { _ in
            switch Int.random(in: 0..<40, using: &self) {
            case 0: 0
            case 1: -0.0
            case 2: Float.random(in: -1...1, using: &self) * 0x1p-133
            case 3: Float.random(in: -1...1, using: &self) * 1e-6
            default: Float.random(in: -scale...scale, using: &self)
            }
        }
    }

    /// Finite f16 bits of every size.
    mutating func halves(_ count: Int) -> [UInt16] {
        (0..<count).map { _ in
            let bits = UInt16.random(in: .min ... .max, using: &self)
            // Mostly near 1 in size, as weights are; else any, denormals included.
            guard bits & 0x7C00 == 0x7C00 || Int.random(in: 0..<10, using: &self) > 0 else { return bits }
            return bits & 0x83FF | UInt16.random(in: 10...16, using: &self) << 10
        }
    }
}

/// Where two rows of numbers differ first in any bit; the arrays themselves would fill a report for minutes.
func firstDifference(_ one: [Float], _ other: some Collection<Float>) -> Int? {
    guard one.count == other.count else { return min(one.count, other.count) }
    return zip(one, other).enumerated().first { $1.0.bitPattern != $1.1.bitPattern }?.offset
}
