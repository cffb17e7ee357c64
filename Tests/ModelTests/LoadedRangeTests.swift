import Testing

@testable import Model

@Suite struct LoadedRangeTests {
    private let model = TinyModel()

    private func load(_ range: Range<Int>) throws -> LoadedRange {
        try LoadedRange(self.model.embedded(), range: range, threads: 1)
    }

    @Test(arguments: [0..<0, 3..<3, -1..<2, 0..<7, 6..<7]) func `refuses ranges that are not in the model`(
        range: Range<Int>
    ) throws {
        let error = modelError { _ = try self.load(range) }
        #expect(error?.code == .wrongRange)
        #expect(error?.message.contains("0..6") == true)
    }

    @Test func `refuses input that cannot be computed, and commits nothing`() throws {
        let whole = try self.load(0..<6)
        let cache = try whole.makeCache(maximumTokens: 10)
        func code(_ input: LoadedRange.Input, at position: Int = 0) -> ModelError.Code? {
            modelError {
                _ = try whole.forward(input, blocks: 0..<6, at: position, cache: cache, output: .logits(.last))
            }?.code
        }
        #expect(code(.tokens([60, 61])) == .badToken)
        #expect(code(.tokens([.max])) == .badToken)
        #expect(code(.tokens([])) == .badTensor)
        #expect(code(.hidden([UInt16](repeating: 0, count: 48))) == .wrongRange)
        #expect(code(.tokens([1]), at: 1) == .positionGap)
        #expect(code(.tokens([1]), at: -1) == .positionGap)
        #expect(code(.tokens([UInt32](repeating: 1, count: 11))) == .contextExceeded)
        #expect(cache.length == 0)
        #expect(code(.tokens([UInt32](repeating: 1, count: 10))) == nil)
        #expect(code(.tokens([1]), at: 10) == .contextExceeded)
        #expect(cache.length == 10)
    }

    @Test func `refuses hidden states that are not rows of finite numbers`() throws {
        let part = try self.load(2..<4)
        let cache = try part.makeCache()
        func code(_ bits: [UInt16], output: LoadedRange.Output = .hidden) -> ModelError.Code? {
            modelError {
                _ = try part.forward(.hidden(bits), blocks: 2..<4, at: cache.length, cache: cache, output: output)
            }?.code
        }
        let zeros = [UInt16](repeating: 0, count: 96)
        #expect(code([]) == .badTensor)
        #expect(code(Array(zeros.dropLast())) == .badTensor)
        for bad: UInt16 in [0x7C00, 0xFC00, 0x7C01, 0xFFFF] { #expect(code(zeros.dropLast() + [bad]) == .badTensor) }
        #expect(code(zeros, output: .logits(.last)) == .wrongRange)
        #expect(code(zeros) == nil)
        #expect(cache.length == 2)
    }

    @Test func `refuses blocks that are not loaded, or not the cache's`() throws {
        let part = try self.load(2..<5)
        let input = LoadedRange.Input.hidden([UInt16](repeating: 0, count: 48))
        func code(_ blocks: Range<Int>, _ cache: KVCache) -> ModelError.Code? {
            modelError { _ = try part.forward(input, blocks: blocks, at: 0, cache: cache, output: .hidden) }?.code
        }
        #expect(code(1..<3, try part.makeCache()) == .wrongRange)
        #expect(code(2..<4, try part.makeCache()) == .wrongRange)
        #expect(code(3..<4, try part.makeCache(blocks: 3..<4)) == nil)
        #expect(modelError { _ = try part.makeCache(blocks: 0..<3) }?.code == .wrongRange)
        #expect(modelError { _ = try part.makeCache(maximumTokens: 701) }?.code == .contextExceeded)
        #expect(modelError { _ = try part.makeCache(maximumTokens: 0) }?.code == .contextExceeded)
    }

    @Test func `names the block that computes infinity, and leaves the other sequences alone`() throws {
        var broken = self.model
        broken.infiniteTensor = "model.layers.3.post_attention_layernorm.weight"
        let part = try LoadedRange(broken.embedded(), range: 2..<5, threads: 1)
        let cache = try part.makeCache()
        let hidden = LoadedRange.Input.hidden([UInt16](repeating: 0x3C00, count: 48))
        let error = modelError {
            _ = try part.forward(hidden, blocks: 2..<5, at: 0, cache: cache, output: .hidden)
        }
        #expect(error?.code == .nonFiniteOutput)
        #expect(error?.block == 3)
        #expect(cache.length == 0)

        // Token 0 has an infinite embedding, token 1 has not.
        broken.infiniteTensor = "model.embed_tokens.weight"
        broken.isTied = false
        let whole = try LoadedRange(broken.embedded(), range: 0..<6, threads: 1)
        let results = whole.forward(
            try [0, 1].map { token in
                LoadedRange.Step(
                    input: .tokens([token]),
                    position: 0,
                    cache: try whole.makeCache(),
                    output: .logits(.last)
                )
            },
            blocks: 0..<6
        )
        #expect(modelError { _ = try results[0].get() }?.block == 0)
        #expect(modelError { _ = try results[1].get() } == nil)
    }

    @Test func `a batch refuses the bad step alone`() throws {
        let whole = try self.load(0..<6)
        let cache = try whole.makeCache()
        func step(_ tokens: [UInt32], _ cache: KVCache) -> LoadedRange.Step {
            LoadedRange.Step(input: .tokens(tokens), position: 0, cache: cache, output: .logits(.last))
        }
        let results = whole.forward(
            [step([1, 2], cache), step([99], try whole.makeCache()), step([1], cache)],
            blocks: 0..<6
        )
        #expect((try? results[0].get().count) == self.model.vocabulary)
        #expect(modelError { _ = try results[1].get() }?.code == .badToken)
        #expect(modelError { _ = try results[2].get() }?.code == .cacheInUse)
        #expect(cache.length == 2)
    }

    @Test func `gives the last logits or all of them`() throws {
        let whole = try self.load(0..<6)
        func run(_ output: LoadedRange.Output) throws -> [UInt16] {
            try whole.forward(.tokens([5, 6, 7]), blocks: 0..<6, at: 0, cache: whole.makeCache(), output: output)
        }
        let all = try run(.logits(.every))
        #expect(all.count == 3 * 61)
        #expect(try run(.logits(.last)) == Array(all.suffix(61)))
        #expect(try run(.hidden).count == 3 * 48)
    }
}
