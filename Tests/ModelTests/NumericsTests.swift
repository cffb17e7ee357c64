import Foundation
import Testing

@testable import Model

@Suite struct NumericsTests {
    /// Whether two numbers are at most `units` in the last place apart.
    private func near(_ a: Double, _ b: Double, units: Double) -> Bool {
        a == b || abs(a - b) <= units * max(a.ulp, b.ulp)
    }

    @Test func `functions agree with the system's to two units in the last place`() {
        var random = RandomNumbers(seed: 7)
        for _ in 0..<20_000 {
            let x = Double.random(in: -700...700, using: &random)
            #expect(near(Numerics.exp(x), Foundation.exp(x), units: 2))
            let positive = Foundation.exp(x)
            #expect(near(Numerics.log(positive), Foundation.log(positive), units: 2))
            let nearOne = 1 + x / 10_000
            #expect(near(Numerics.log(nearOne), Foundation.log(nearOne), units: 2))
            let angle = x * 1000
            #expect(abs(Numerics.sin(angle) - Foundation.sin(angle)) < 3e-16)
            #expect(abs(Numerics.cos(angle) - Foundation.cos(angle)) < 3e-16)
            let exponent = -Double.random(in: 0...1, using: &random)
            #expect(abs(Numerics.pow(500_000, exponent) / Foundation.pow(500_000, exponent) - 1) < 1e-14)
        }
    }

    @Test func `functions keep their values at the edges`() {
        #expect(Numerics.exp(0) == 1)
        #expect(Numerics.exp(-800) == 0)
        #expect(Numerics.exp(800) == .infinity)
        #expect(Numerics.exp(-740) > 0)
        #expect(Numerics.exp(.nan).isNaN)
        #expect(Numerics.log(1) == 0)
        #expect(Numerics.log(0) == -.infinity)
        #expect(Numerics.log(-1).isNaN)
        #expect(Numerics.log(.infinity) == .infinity)
        #expect(
            near(Numerics.log(Double.leastNonzeroMagnitude), Foundation.log(Double.leastNonzeroMagnitude), units: 1)
        )
        #expect(Numerics.sin(0) == 0)
        #expect(Numerics.cos(0) == 1)
        #expect(Numerics.sin(.infinity).isNaN)
        #expect(Numerics.cos(0x1p20) == Numerics.cos(-0x1p20))
        #expect(Numerics.cos(0x1p21).isNaN)
    }

    @Test func `random numbers are a fixed function of seed and position`() {
        #expect(Numerics.randomBits(seed: 0, position: 0) == Numerics.randomBits(seed: 0, position: 0))
        let golden = [(0, 0), (0, 1), (1, 0), (42, 1000)].map { seed, position in
            String(Numerics.randomBits(seed: UInt64(seed), position: UInt64(position)), radix: 16)
        }
        #expect(golden == ["48218226ff3cd4bf", "a706dd2f4d197e6f", "dce423fc82c0d5b8", "192be1d4b7397854"])
        let values = (0..<10_000).map { Numerics.random(seed: 9, position: $0) }
        #expect(values.allSatisfy { (0..<1).contains($0) })
        #expect(abs(values.reduce(0, +) / 10_000 - 0.5) < 0.01)
        #expect(Set(values).count == 10_000)
    }

    @Test func `f16 conversions go both ways`() {
        #expect(Numerics.halves([1, -2, 1e9, 0.1]) == [0x3C00, 0xC000, 0x7BFF, 0x2E66])
        #expect(Numerics.floats([0x3C00, 0xC000, 0x7BFF]) == [1, -2, 65504])
        #expect(Numerics.halves([]) == [])
    }
}
