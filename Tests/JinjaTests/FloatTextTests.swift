import Testing

@testable import Jinja

@Suite struct FloatTextTests {
    @Test(arguments: [
        (0.0, "0.0"), (-0.0, "-0.0"), (1.0, "1.0"), (0.1, "0.1"), (1e15, "1000000000000000.0"), (1e16, "1e+16"),
        (12345678901234567.0, "1.2345678901234568e+16"), (0.0001, "0.0001"), (0.00001, "1e-05"),
        (.leastNonzeroMagnitude, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"), (-2.5e-8, "-2.5e-08"),
        (9007199254740993.0, "9007199254740992.0"),
        (.infinity, "inf"), (-.infinity, "-inf"), (.nan, "nan"), (123456789.125, "123456789.125"), (1e100, "1e+100"),
    ])
    func `a number is written as Python's repr writes it`(value: Double, text: String) {
        #expect(FloatText.shortest(value) == text)
    }

    @Test func `what is written reads back as the same number`() {
        var state: UInt64 = 7
        for _ in 0..<20_000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let value = Double(bitPattern: state)
            guard value.isFinite else { continue }
            #expect(Double(FloatText.shortest(value))?.bitPattern == value.bitPattern)
        }
    }

    @Test(arguments: [
        (0.5, 0, "0"), (1.5, 0, "2"), (2.5, 0, "2"), (2.675, 2, "2.67"), (1.005, 2, "1.00"), (0.125, 2, "0.12"),
        (9.995, 2, "9.99"), (99.5, 0, "100"), (1e23, 0, "99999999999999991611392"), (0.1, 20, "0.10000000000000000555"),
        (-1.25, 1, "-1.2"), (0, 3, "0.000"), (123.456, 1, "123.5"), (.leastNonzeroMagnitude, 3, "0.000"),
        (0.999, 0, "1"),
    ])
    func `decimals are rounded from the exact number`(value: Double, decimals: Int, text: String) {
        #expect(FloatText.fixed(value, decimals: decimals) == text)
    }
}
