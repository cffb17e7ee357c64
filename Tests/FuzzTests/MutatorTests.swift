import Testing

@Suite struct MutatorTests {
    @Test func `the same seed makes the same input, another seed another`() {
        func input(_ seed: UInt64) -> [UInt8] {
            var mutator = Mutator(seed: seed, words: ["word"])
            return mutator.bytes(Array("something of a certain length".utf8))
        }
        #expect(input(7) == input(7))
        #expect(Set((0..<100).map(input)).count > 90)
    }

    @Test func `inputs stay small`() {
        for seed in 0..<1000 {
            var mutator = Mutator(seed: UInt64(seed), words: [String(repeating: "w", count: 500)])
            #expect(mutator.bytes([1, 2, 3]).count <= 70)
        }
    }
}
