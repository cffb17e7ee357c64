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
