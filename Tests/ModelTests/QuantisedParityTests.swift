import Testing

@testable import Model

/// The quantised models of `../shared/testdata/gguf`, multiplied with int8 activations, against a float64 forward of
/// their dequantised weights.
@Suite(.enabled(if: SharedData.isPresent, "\(SharedData.absence)"))
struct QuantisedParityTests {
    /// Those whose every format is multiplied as it is stored.
    static let models = GGUFParityTests.models.filter { name in
        ["Q8_0", "Q4_0", "Q5_0", "Q4_K_M", "Q4_K_S", "Q5_K_M", "Q6_K"].contains { name.hasSuffix($0) }
    }

    @Test func `there are models of every format`() throws {
        let formats = try Self.models.flatMap { name in
            try GGUFGolden(name).directory.weightFormat.split(separator: "+").map(String.init)
        }
        #expect(Set(formats).isSuperset(of: ["q8_0", "q4_0", "q5_0", "q4_k", "q5_k", "q6_k"]))
    }

    @Test(arguments: models) func `is within what int8 activations cost`(model: String) throws {
        let golden = try GGUFGolden(model)
        let computed = try golden.logits()
        try #require(computed.count == golden.logits.values.count)
        expectQuantisedParity(computed, golden.logits.values, vocabulary: golden.directory.configuration.vocabularySize)
    }

    @Test(arguments: models) func `gives the same bits cut into ranges and in chunks`(model: String) throws {
        let golden = try GGUFGolden(model)
        let whole = try golden.logits()
        for chunk in [1, 7, 64] { #expect(try golden.logits(chunk: chunk) == whole, "chunks of \(chunk)") }
        for cut in 1..<golden.directory.configuration.blockCount {
            #expect(try golden.logits(cut: cut) == whole, "cut at \(cut)")
        }
        #expect(try golden.logits(kernels: Kernels.all[0]) == whole, "plain C")
    }
}

/// The limits of parity for int8 activations, [tokens][vocabulary]: close, and the same greedy choice where it is clear.
func expectQuantisedParity(_ computed: [Float], _ golden: [Float], vocabulary: Int) {
    let difference = Difference(computed, from: golden)
    #expect(difference.rootMeanSquare <= 0.04, "\(difference)")
    let mean = golden.reduce(0, +) / Float(golden.count)
    let deviation = (golden.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Float(golden.count)).squareRoot()
    for row in stride(from: 0, to: golden.count, by: vocabulary) {
        let expected = golden[row..<row + vocabulary]
        let largest = expected.sorted().suffix(2)
        guard largest[largest.endIndex - 1] - largest[largest.startIndex] > 0.2 * deviation else { continue }
        #expect(greedyToken(computed[row..<row + vocabulary]) == greedyToken(expected), "token \(row / vocabulary)")
    }
}

extension GGUFGolden {
    /// The logits of the prompt and of what follows, the sequence cut into chunks and the blocks at `cut`.
    func logits(chunk: Int = 17, cut: Int = 0, kernels: Kernels = .best) throws -> [Float] {
        let count = self.directory.configuration.blockCount
        let hops = try [0..<cut, cut..<count].filter { !$0.isEmpty }.map { range in
            let loaded = try LoadedRange(self.directory, range: range, threads: 1, rounding: .toHalf, kernels: kernels)
            return (loaded, try loaded.makeCache())
        }
        let tokens = self.prompt + self.greedy.dropLast()
        var logits: [UInt16] = []
        for first in stride(from: 0, to: tokens.count, by: chunk) {
            var stream: [UInt16] = []
            for (loaded, cache) in hops {
                let part = Array(tokens[first..<min(first + chunk, tokens.count)])
                stream = try loaded.forward(
                    loaded.range.lowerBound == 0 ? .tokens(part) : .hidden(stream),
                    blocks: loaded.range,
                    at: first,
                    cache: cache,
                    output: loaded.range.upperBound == count ? .logits(.every) : .hidden
                )
            }
            logits += stream
        }
        return Numerics.floats(logits)
    }
}
