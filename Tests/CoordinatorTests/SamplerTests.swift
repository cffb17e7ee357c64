import Model
import Testing

@testable import Coordinator

@Suite struct SamplerTests {
    private let logits: [Float] = [0.5, 2, -1, 2, 1]

    @Test func `temperature 0 takes the largest logit, and the lowest id of equals`() throws {
        let sampler = try Sampler(options: .greedy)
        #expect(sampler.token(from: self.logits, at: 0) == 1)
    }

    @Test func `the same seed and position give the same token, other positions other tokens`() throws {
        let sampler = try Sampler(options: SamplingOptions(temperature: 1, seed: 42))
        let tokens = (0..<200).map { sampler.token(from: self.logits, at: $0) }
        let again = (0..<200).reversed().map { sampler.token(from: self.logits, at: $0) }
        #expect(tokens == again.reversed())
        #expect(Set(tokens).count > 2)
    }

    @Test func `draws each token as often as its probability says`() throws {
        let sampler = try Sampler(options: SamplingOptions(temperature: 1, seed: 1))
        var counts = [Int](repeating: 0, count: 3)
        // Probabilities 1/7, 2/7 and 4/7.
        let logits: [Float] = [0, 0.6931472, 1.3862944]
        let draws = 20_000
        for position in 0..<draws { counts[Int(sampler.token(from: logits, at: position))] += 1 }
        for (token, share) in [1.0 / 7, 2.0 / 7, 4.0 / 7].enumerated() {
            // Five standard deviations; the seed is fixed, so this cannot flicker.
            let deviation = (Double(draws) * share * (1 - share)).squareRoot()
            #expect(abs(Double(counts[token]) - Double(draws) * share) < 5 * deviation)
        }
    }

    @Test func `top-k leaves the k largest`() throws {
        let sampler = try Sampler(options: SamplingOptions(temperature: 5, topK: 2, seed: 3))
        #expect(Set((0..<300).map { sampler.token(from: self.logits, at: $0) }) == [1, 3])
    }

    @Test func `top-p leaves the most probable tokens that hold the share`() throws {
        // 1 and 3 hold about 0.36 each, 4 about 0.13: the first two reach 0.7, so the third is left out.
        let sampler = try Sampler(options: SamplingOptions(temperature: 1, topP: 0.7, seed: 3))
        #expect(Set((0..<300).map { sampler.token(from: self.logits, at: $0) }) == [1, 3])
    }

    @Test(arguments: [0, 40]) func `putting no more in order than has to be changes no token`(topK: Int) throws {
        let options = SamplingOptions(temperature: 1.3, topK: topK, seed: 5)
        let sampler = try Sampler(options: options)
        let logits = (0..<700).map { Float(($0 * 7919) % 1009) / 100 }
        let ordered = logits.enumerated().sorted { ($1.element, $0.offset) < ($0.element, $1.offset) }
        let candidates = topK > 0 ? Array(ordered.prefix(topK)) : ordered
        let weights = candidates.map { Numerics.exp(Double($0.element - ordered[0].element) / options.temperature) }
        let total = weights.reduce(0, +)
        var drawn: Set<UInt32> = []
        for position in 0..<2000 {
            var remaining = Numerics.random(seed: options.seed, position: UInt64(position)) * total
            let place = weights.firstIndex { weight in
                remaining -= weight
                return remaining < 0
            }
            let token = sampler.token(from: logits, at: position)
            #expect(try Int(token) == candidates[#require(place)].offset)
            drawn.insert(token)
        }
        #expect(drawn.count > 20)
    }

    @Test func `a tiny top-p still leaves one token`() throws {
        let sampler = try Sampler(options: SamplingOptions(temperature: 1, topP: 1e-9, seed: 3))
        #expect(Set((0..<50).map { sampler.token(from: self.logits, at: $0) }) == [1])
    }

    @Test func `tokens for a seed never change`() throws {
        // Published: changing any bit of sampling must raise Numerics.version and change this line.
        let sampler = try Sampler(options: SamplingOptions(temperature: 0.8, topK: 4, topP: 0.95, seed: 7))
        let logits = (0..<32).map { Float(($0 * 37) % 29) / 8 }
        #expect((0..<12).map { sampler.token(from: logits, at: $0) } == Self.golden)
    }

    private static let golden: [UInt32] = [7, 25, 25, 7, 25, 7, 18, 14, 14, 14, 18, 14]

    @Test(arguments: [
        SamplingOptions(temperature: -1), SamplingOptions(temperature: .nan), SamplingOptions(topK: -1),
        SamplingOptions(topP: 0), SamplingOptions(topP: 1.5),
    ])
    func `an option outside its range is refused by name`(options: SamplingOptions) {
        let error = #expect(throws: CoordinatorError.self) { try Sampler(options: options) }
        #expect(error?.code == .invalidOption)
    }
}
