import Testing

@testable import SwarmCore

@Suite struct PromptLookupTests {
    @Test func `what followed the same end before is guessed`() {
        #expect(PromptLookup.guess(after: [1, 2, 3, 4, 5, 1, 2], atMost: 3) == [3, 4, 5])
        #expect(PromptLookup.guess(after: [1, 2, 3, 4, 5, 1, 2], atMost: 2) == [3, 4])
        #expect(PromptLookup.guess(after: [1, 2, 3, 4, 5, 1, 2], atMost: 0) == [])
    }

    @Test func `a guess ends where the sequence does`() {
        #expect(PromptLookup.guess(after: [7, 7, 7], atMost: 8) == [7])
        #expect(PromptLookup.guess(after: [1, 2, 9, 1, 2], atMost: 8) == [9, 1, 2])
    }

    @Test func `a longer match counts more than a nearer one, and a nearer one more than a far one`() {
        #expect(PromptLookup.guess(after: [5, 1, 2, 8, 9, 1, 2, 7, 5, 1, 2], atMost: 1) == [8])
        #expect(PromptLookup.guess(after: [1, 2, 8, 1, 2, 7, 1, 2], atMost: 1) == [7])
    }

    @Test func `one token alone, or a new end, makes no guess`() {
        #expect(PromptLookup.guess(after: [1, 2, 3, 9, 2], atMost: 4) == [])
        #expect(PromptLookup.guess(after: [1, 2, 3], atMost: 4) == [])
        #expect(PromptLookup.guess(after: [1], atMost: 4) == [])
        #expect(PromptLookup.guess(after: [], atMost: 4) == [])
    }
}
