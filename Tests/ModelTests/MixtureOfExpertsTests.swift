import Testing

@testable import Model

@Suite struct MixtureOfExpertsTests {
    private func weights(_ logits: [Float], chosen: Int, normalizes: Bool = true) -> [Float] {
        var weights = logits
        weights.withUnsafeMutableBufferPointer {
            MixtureOfExperts.weigh($0, chosen: chosen, normalizes: normalizes)
        }
        return weights
    }

    @Test func `takes the largest, the lower expert among equals`() {
        #expect(self.weights([0, 0, 0, 0], chosen: 1) == [1, 0, 0, 0])
        #expect(self.weights([0, 1, 0, 1], chosen: 3).map { $0 > 0 } == [true, true, false, true])
        #expect(self.weights([-5, 2, 2, 2], chosen: 2) == [0, 0.5, 0.5, 0])
        #expect(self.weights([3, 3], chosen: 2) == [0.5, 0.5])
    }

    @Test func `weighs with the softmax over all, or over the chosen`() {
        let logits: [Float] = [1, -2, 0.5, 3]
        let exponentials = logits.map { Numerics.exp(Double($0)) }
        let all = exponentials.reduce(0, +)
        let two = exponentials[0] + exponentials[3]
        let plain = self.weights(logits, chosen: 2, normalizes: false)
        let normalized = self.weights(logits, chosen: 2)
        for expert in [0, 3] {
            #expect(abs(Double(plain[expert]) - exponentials[expert] / all) < 1e-6)
            #expect(abs(Double(normalized[expert]) - exponentials[expert] / two) < 1e-6)
        }
        #expect(plain[1] == 0 && plain[2] == 0 && normalized[1] == 0 && normalized[2] == 0)
    }

    @Test func `lets NaN and infinity through to where they are found`() {
        #expect(self.weights([.nan, .nan, .nan], chosen: 2).contains { $0.isNaN })
        #expect(self.weights([.infinity, 0, 0], chosen: 2).contains { $0.isNaN })
        // A weight too small for f32 is none.
        #expect(self.weights([0, -200], chosen: 2) == [1, 0])
    }
}
