import Testing

@testable import Tokenizer

@Suite struct WordCacheTests {
    @Test func `gives back the ids of the words that it was told, and of no others`() {
        var cache = WordCache()
        var numbers = SeededNumbers(seed: 11)
        var told: [[UInt8]: [UInt32]] = [:]
        for _ in 0..<5000 {
            let count = Int.random(in: 1...WordCache.longestWord, using: &numbers)
            // Few letters, so that words resemble and repeat.
            let word = (0..<count).map { _ in UInt8.random(in: 97...98, using: &numbers) }
            word.withUnsafeBufferPointer { bytes in
                let hash = WordCache.hash(bytes)
                var found: [UInt32] = [7]
                #expect(cache.append(bytes, hash, to: &found) == (told[word] != nil))
                #expect(found == [7] + (told[word] ?? []))
                guard told[word] == nil else { return }
                let ids = (0..<count).map { _ in UInt32.random(in: .min ... .max, using: &numbers) }
                cache.remember(bytes, hash, ids[...])
                told[word] = ids
            }
        }
        #expect(told.count > 3000)
    }

    @Test func `words of one hash are told apart`() {
        var cache = WordCache()
        let words: [[UInt8]] = [[1], [2], [1, 1]]
        for (index, word) in words.enumerated() {
            word.withUnsafeBufferPointer { cache.remember($0, 5, [UInt32(index)]) }
        }
        for (index, word) in words.enumerated() {
            var ids: [UInt32] = []
            #expect(word.withUnsafeBufferPointer { cache.append($0, 5, to: &ids) })
            #expect(ids == [UInt32(index)])
        }
    }

    @Test func `keeps as many words as the limit and no more`() {
        var cache = WordCache()
        let words = (0...Limits.rememberedWords).map { Array("\($0)".utf8) }
        for word in words { word.withUnsafeBufferPointer { cache.remember($0, WordCache.hash($0), [1]) } }
        func knows(_ word: [UInt8]) -> Bool {
            var ids: [UInt32] = []
            return word.withUnsafeBufferPointer { cache.append($0, WordCache.hash($0), to: &ids) }
        }
        #expect(words.dropLast().allSatisfy(knows))
        #expect(!knows(words[Limits.rememberedWords]))
    }
}
