import Testing

@testable import Tokenizer

@Suite struct DecoderTests {
    @Test(arguments: [
        (#"{"type": "ByteLevel"}"#, ["ĠÃ", "©"], " é"),
        (#"{"type": "ByteLevel"}"#, ["Ã", "a"], "\u{FFFD}a"),
        (#"{"type": "ByteFallback"}"#, ["<0xC3>", "<0xA9>", "x"], "éx"),
        (#"{"type": "ByteFallback"}"#, ["<0xC3>", "<0xC3>", "x"], "\u{FFFD}\u{FFFD}x"),
        (#"{"type": "Strip", "content": " ", "start": 1, "stop": 1}"#, ["  a  ", " "], " a "),
        (#"{"type": "Replace", "pattern": {"Regex": "a+"}, "content": "b"}"#, ["aac"], "bc"),
        (#"{"type": "Metaspace"}"#, ["▁a", "▁b"], "a b"),
    ])
    func `turns tokens into text as its kind says`(file: String, tokens: [String], expected: String) throws {
        let pieces = try Decoder(json(file)).decoded(tokens.map { Array($0.utf8) })
        #expect(Array(pieces.joined()) == Array(expected.utf8))
    }

    @Test func `refuses an unknown kind`() {
        let error = #expect(throws: TokenizerError.self) { try Decoder(json(#"{"type": "WordPiece"}"#)) }
        #expect(error?.code == .unsupported)
    }
}
