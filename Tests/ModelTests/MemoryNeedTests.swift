import Testing

@testable import Model

struct MemoryNeedTests {
    @Test func `weights are those that loading the range reads`() throws {
        let model = try TinyModel(isTied: false).embedded()
        // Every number of the model is an f16, and together the ranges hold each once.
        let tensors = try TinyModel(isTied: false).tensors()
        let whole = try model.memoryNeed(of: 0..<6, kvMemory: .bytes(0)).weights
        #expect(whole == tensors.reduce(0) { $0 + $1.bytes.count })
        let parts = try [0..<2, 2..<3, 3..<6].map { try model.memoryNeed(of: $0, kvMemory: .bytes(0)).weights }
        #expect(parts.reduce(0, +) == whole)
    }

    @Test func `KV-caches grow with the range, by whole pages, up to the context`() throws {
        let model = try TinyModel().embedded()
        // Six blocks of one head: a page holds 256 keys of 16 numbers and as many values of 32, padded, in f16.
        let page = 256 * (16 + 32) * 2
        func bytes(_ range: Range<Int>, _ tokens: Int) throws -> Int {
            try model.memoryNeed(of: range, kvMemory: .tokens(tokens)).kvCaches
        }
        #expect(try bytes(0..<1, 1) == page)
        #expect(try bytes(0..<6, 257) == 12 * page)
        #expect(try bytes(0..<6, 1_000_000) == bytes(0..<6, 700))
    }

    @Test func `a cache takes what was computed for it`() throws {
        let model = try TinyModel().embedded()
        let range = try LoadedRange(model, range: 0..<6, threads: 1)
        let cache = try range.makeCache()
        _ = try range.forward(
            .tokens(Array(repeating: 1, count: 600)),
            blocks: 0..<6,
            at: 0,
            cache: cache,
            output: .logits(.last)
        )
        #expect(try cache.byteCount == model.memoryNeed(of: 0..<6, kvMemory: .tokens(600)).kvCaches)
    }

    @Test func `as many blocks fit as the memory holds, to the byte`() throws {
        let model = try TinyModel().embedded()
        for end in 1...6 {
            let need = try model.memoryNeed(of: 0..<end, kvMemory: .oneSession).total
            #expect(try model.fittingRange(into: need, kvMemory: .oneSession) == 0..<end)
            let less = try model.fittingRange(into: need - 1, kvMemory: .oneSession)
            #expect(less == (end == 1 ? nil : 0..<end - 1))
        }
        #expect(try model.fittingRange(from: 6, into: .max, kvMemory: .oneSession) == nil)
    }

    @Test func `a sum beyond 64 bits is saturated`() {
        #expect(MemoryNeed(weights: .max, kvCaches: 1, rest: 1).total == .max)
    }
}
