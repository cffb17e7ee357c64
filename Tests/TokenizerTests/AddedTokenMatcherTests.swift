import Testing

@testable import Tokenizer

@Suite struct AddedTokenMatcherTests {
    @Test func `takes the longest of those that start at one place`() throws {
        let matcher = try matcher(#"{"id": 1, "content": "<a>"}"#, #"{"id": 2, "content": "<a>b"}"#)
        #expect(matcher.segments(of: Array("x<a>b<a>y".utf8)) == [.text(0..<1), .token(2), .token(1), .text(8..<9)])
    }

    @Test func `takes the space on the sides that strip`() throws {
        let both = try matcher(#"{"id": 1, "content": "<a>", "lstrip": true, "rstrip": true}"#)
        #expect(both.segments(of: Array("x  <a>\n\ty".utf8)) == [.text(0..<1), .token(1), .text(8..<9)])
        #expect(both.segments(of: Array("<a> <a>".utf8)) == [.token(1), .token(1)])
    }

    @Test func `a single word is not found inside another`() throws {
        let matcher = try matcher(#"{"id": 1, "content": "he", "single_word": true}"#)
        #expect(matcher.segments(of: Array("he".utf8)) == [.token(1)])
        #expect(matcher.segments(of: Array("the".utf8)) == [.text(0..<3)])
        #expect(matcher.segments(of: Array("heé".utf8)) == [.text(0..<4)])
        #expect(matcher.segments(of: Array("(he)".utf8)) == [.text(0..<1), .token(1), .text(3..<4)])
    }

    @Test func `finds a normalised token in the normalised text only`() throws {
        var file = SmallFile()
        file.normalizer = #"{"type": "Lowercase"}"#
        file.addedTokens = #"[{"id": 9, "content": "AB", "normalized": true}]"#
        #expect(try file.tokenizer().encode("ABcab", addSpecialTokens: false) == [9, 2, 9])
        file.addedTokens = #"[{"id": 9, "content": "AB", "normalized": false}]"#
        #expect(try file.tokenizer().encode("ABcab", addSpecialTokens: false) == [9, 2, 4])
    }

    @Test(arguments: [
        #"{"content": "a"}"#, #"{"id": -1, "content": "a"}"#, #"{"id": 1}"#, #"{"id": 1, "content": ""}"#,
    ])
    func `refuses a token without id or content`(file: String) {
        let error = #expect(throws: TokenizerError.self) { try AddedToken(json(file)) }
        #expect(error?.code == .corrupt)
    }

    private func matcher(_ files: String...) throws -> AddedTokenMatcher {
        let tokens = try files.map { try AddedToken(json($0)) }
        return AddedTokenMatcher(tokens, contents: tokens.map(\.content))
    }
}
