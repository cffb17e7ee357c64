import Testing

@testable import Model

@Suite struct KVCacheTests {
    private let range: LoadedRange

    init() throws {
        self.range = try LoadedRange(TinyModel().embedded(), range: 1..<3, threads: 1)
    }

    private func append(_ count: Int, to cache: KVCache) throws {
        let bits = [UInt16](repeating: 0x2000, count: count * 48)
        _ = try self.range.forward(.hidden(bits), blocks: 1..<3, at: cache.length, cache: cache, output: .hidden)
    }

    @Test func `takes memory a page at a time`() throws {
        let cache = try self.range.makeCache(maximumTokens: 600)
        // A key of 16 numbers and a value padded to 32, f16, in two blocks.
        #expect(self.range.kvBytesPerToken == (16 + 32) * 2 * 2)
        #expect(self.range.kvBytesPerTokenAndBlock == (16 + 32) * 2)
        let page = self.range.kvBytesPerToken * KVCache.pageTokens
        #expect(cache.byteCount == 0)
        try self.append(1, to: cache)
        #expect(cache.byteCount == page)
        try self.append(255, to: cache)
        #expect(cache.byteCount == page)
        try self.append(1, to: cache)
        #expect(cache.byteCount == 2 * page)
        try self.append(343, to: cache)
        #expect(cache.byteCount == 3 * page)
        #expect(cache.length == 600)
        #expect(modelError { try self.append(1, to: cache) }?.code == .contextExceeded)
    }

    /// Two blocks of which one keeps a window of 20 positions; a span of both, and a cache for it.
    private static func windowed(_ rollback: Int = Limits.rollback) throws -> (LoadedRange, KVCache) {
        let model = TinyModel(
            architecture: "Gemma2ForCausalLM",
            hidden: 16,
            feedForward: 16,
            blocks: 2,
            context: 4000,
            extraKeys: ["sliding_window": "20"]
        )
        let range = try LoadedRange(model.embedded(), range: 0..<2, threads: 1)
        let layout = KVLayout(range.configuration, rounding: .toHalf, rollback: rollback)
        return (range, KVCache(layout: layout, blocks: 0..<2, windows: [20, nil], maximumTokens: 4000))
    }

    private static func run(_ range: LoadedRange, _ cache: KVCache, to end: Int) throws -> [UInt16] {
        let tokens = (cache.length..<end).map { UInt32($0 * 31 % 61) }
        let input = LoadedRange.Input.tokens(tokens)
        return try range.forward(input, blocks: 0..<2, at: cache.length, cache: cache, output: .hidden)
    }

    @Test func `blocks with a window go round in a few pages, and compute the same`() throws {
        let (range, cache) = try Self.windowed()
        let (_, unbounded) = try Self.windowed(1 << 20)
        let hidden = try Self.run(range, cache, to: 3000)
        #expect(try Self.run(range, unbounded, to: 3000) == hidden)
        let page = unbounded.byteCount / 12 / 2
        #expect(unbounded.byteCount == (12 + 12) * page)
        // 20 + 256 + 1,024 tokens in six pages.
        #expect(cache.byteCount == (12 + 6) * page)
        #expect(try range.makeCache().maximumTokens == 4000)
        #expect(range.configuration.kvBytes(blocks: 0..<2, tokens: 3000) == cache.byteCount)
        #expect(range.configuration.kvBytes(blocks: 0..<1, tokens: 3000) == 6 * page)
        #expect(range.configuration.kvBytes(blocks: 1..<2, tokens: 3000) == 12 * page)
        #expect(range.configuration.kvBytes(blocks: 0..<2, tokens: 257) == 4 * page)
    }

    @Test func `takes back as many tokens as its bound allows, and else forgets all`() throws {
        let (range, cache) = try Self.windowed()
        let hidden = try Self.run(range, cache, to: 3000)
        cache.truncate(to: 3000 - Limits.rollback)
        #expect(cache.length == 3000 - Limits.rollback)
        #expect(try Self.run(range, cache, to: 3000) == Array(hidden.suffix(Limits.rollback * 16)))
        // The circle of six pages holds what a step at 1,483 sees, and not what one at 1,482 sees.
        let last = 3000 - 6 * 256 + 19
        cache.truncate(to: last)
        #expect(cache.length == last)
        #expect(try Self.run(range, cache, to: last + 5) == Array(hidden[last * 16..<(last + 5) * 16]))
        cache.truncate(to: last - 1)
        #expect(cache.length == 0)
        #expect(try Self.run(range, cache, to: 100) == Array(hidden.prefix(1600)))
        cache.truncate(to: 50)
        #expect(cache.length == 50)
    }

    @Test func `truncates to shorter lengths only`() throws {
        let cache = try self.range.makeCache()
        try self.append(10, to: cache)
        cache.truncate(to: 20)
        #expect(cache.length == 10)
        cache.truncate(to: 4)
        #expect(cache.length == 4)
        cache.truncate(to: -1)
        #expect(cache.length == 0)
    }
}
