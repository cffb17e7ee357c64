import Testing

@testable import Tokenizer

@Suite struct PatternTests {
    @Test func `finds matches from left to right`() throws {
        #expect(try matches(of: #"\p{L}+"#, in: "één två") == [0..<5, 6..<10])
    }

    @Test func `goes on after an empty match`() throws {
        #expect(try matches(of: "x*", in: "éx") == [0..<0, 2..<3, 3..<3])
    }

    @Test func `sees the end of the text it is given`() throws {
        #expect(try matches(of: #"\s+(?!\S)"#, in: "a   ") == [1..<4])
    }

    @Test func `refuses a broken expression`() {
        let error = #expect(throws: TokenizerError.self) { try Pattern(Array("(".utf8)) }
        #expect(error?.code == .unsupported)
        #expect(error?.message.contains("(") == true)
    }

    @Test func `refuses an expression beyond the limit`() {
        let error = #expect(throws: TokenizerError.self) {
            try Pattern(Array(repeating: UInt8(ascii: "a"), count: Limits.patternBytes + 1))
        }
        #expect(error?.code == .tooLarge)
    }

    @Test func `gives up on an expression that would never end`() {
        let error = #expect(throws: TokenizerError.self) {
            try matches(of: "(?:a|a|aa)+[bc]", in: String(repeating: "a", count: 80) + "d b")
        }
        #expect(error?.code == .patternFailed)
    }

    private func matches(of expression: String, in text: String) throws -> [Range<Int>] {
        let pattern = try Pattern(Array(expression.utf8))
        return try Array(text.utf8).withBytes { bytes throws(TokenizerError) in
            var found: [Range<Int>] = []
            try pattern.forEachMatch(in: bytes) { found.append($0) }
            return found
        }
    }
}
