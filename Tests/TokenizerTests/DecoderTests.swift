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
        (#"{"type": "WordPiece"}"#, ["##ab", "##cd", "ef", ".", "do not", "'s"], "##abcd ef. don't's"),
        (#"{"type": "WordPiece", "prefix": "@@", "cleanup": false}"#, ["a", "@@b", "##c", "!"], "ab ##c !"),
    ])
    func `turns tokens into text as its kind says`(file: String, tokens: [String], expected: String) throws {
        let pieces = try Decoder(json(file)).decoded(tokens.map { Array($0.utf8) })
        #expect(Array(pieces.joined()) == Array(expected.utf8))
    }

    @Test func `refuses an unknown kind`() {
        let error = #expect(throws: TokenizerError.self) { try Decoder(json(#"{"type": "CTC"}"#)) }
        #expect(error?.code == .unsupported)
    }

    @Test func `a chain of replacements cannot multiply a text without end`() throws {
        let step =
            #"{"type": "Replace", "pattern": {"String": "a"}, "content": "\#(String(repeating: "a", count: 64))"}"#
        let steps = repeatElement(step, count: 8).joined(separator: ", ")
        let decoder = try Decoder(json(#"{"type": "Sequence", "decoders": [\#(steps)]}"#))
        let error = #expect(throws: TokenizerError.self) { try decoder.decoded([[UInt8(ascii: "a")]]) }
        #expect(error?.code == .tooLarge)
        // What cannot be decoded is shown as the file writes it.
        var file = SmallFile()
        file.decoder = #"{"type": "Sequence", "decoders": [\#(steps)]}"#
        #expect(try file.tokenizer().decode([0, 1], skipSpecialTokens: false) == "ab")
    }

    @Test func `spaces between pieces cannot multiply a text without end`() throws {
        let strip = #"{"type": "Strip", "content": "a", "start": 1, "stop": 0}"#
        let steps = repeatElement(#"{"type": "WordPiece"}"#, count: Limits.steps - 1).joined(separator: ", ")
        let decoder = try Decoder(json(#"{"type": "Sequence", "decoders": [\#(strip), \#(steps)]}"#))
        let error = #expect(throws: TokenizerError.self) {
            try decoder.decoded(Array(repeating: [UInt8(ascii: "a")], count: 10_000))
        }
        #expect(error?.code == .tooLarge)
    }

    @Test func `refuses more steps than the limit`() {
        let steps = repeatElement(#"{"type": "Fuse"}"#, count: Limits.steps + 1).joined(separator: ", ")
        let error = #expect(throws: TokenizerError.self) {
            try Decoder(json(#"{"type": "Sequence", "decoders": [\#(steps)]}"#))
        }
        #expect(error?.code == .tooLarge)
    }
}
