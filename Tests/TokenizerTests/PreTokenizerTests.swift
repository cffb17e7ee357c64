import Testing

@testable import Tokenizer

@Suite struct PreTokenizerTests {
    @Test(arguments: [
        (#"{"type": "ByteLevel", "add_prefix_space": false}"#, "I'm é  !", ["I", "'m", "ĠÃ©", "Ġ", "Ġ!"]),
        (#"{"type": "ByteLevel", "add_prefix_space": true, "use_regex": false}"#, "a b", ["ĠaĠb"]),
        (#"{"type": "Digits", "individual_digits": true}"#, "a12½", ["a", "1", "2", "½"]),
        (#"{"type": "Digits", "individual_digits": false}"#, "a12b", ["a", "12", "b"]),
        (#"{"type": "Punctuation", "behavior": "Isolated"}"#, "a$?!", ["a", "$", "?", "!"]),
        (#"{"type": "WhitespaceSplit"}"#, " a  b ", ["a", "b"]),
        // Punctuation since Unicode 9 is none to Hugging Face, and a mark that was punctuation in Unicode 8 still is.
        (
            #"{"type": "BertPreTokenizer"}"#, " a.b$\u{A0}c\u{2E52}d\u{111C9}€",
            ["a", ".", "b", "$", "c\u{2E52}d", "\u{111C9}", "€"]
        ),
        (#"{"type": "Split", "pattern": {"String": "x"}, "behavior": "MergedWithNext"}"#, "axbx", ["a", "xb", "x"]),
        (#"{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"}"#, "a b", ["▁a", "▁b"]),
        (
            #"{"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, {"type": "ByteLevel"}]}"#, "a b",
            ["Ġa", "Ġb"]
        ),
    ])
    func `cuts a text as its kind says`(file: String, text: String, expected: [String]) throws {
        var words = PreTokenizedText(Array(text.utf8), startsInput: true)
        try PreTokenizer(json(file)).apply(to: &words, writesBytes: true)
        #expect(words.pieces.map { String(decoding: words.bytes[$0], as: UTF8.self) } == expected)
    }

    @Test(arguments: [
        #"{"type": "UnicodeScripts"}"#, "{}", #"{"type": "Split", "pattern": {"String": "x"}, "behavior": "Up"}"#,
    ])
    func `refuses an unknown kind`(file: String) {
        let error = #expect(throws: TokenizerError.self) { try PreTokenizer(json(file)) }
        #expect(error?.code == .unsupported)
    }

    @Test func `a chain of steps cannot multiply a text without end`() throws {
        let steps = repeatElement(#"{"type": "ByteLevel", "use_regex": false}"#, count: 40).joined(separator: ", ")
        let cutter = try PreTokenizer(json(#"{"type": "Sequence", "pretokenizers": [\#(steps)]}"#))
        var words = PreTokenizedText(Array("é".utf8), startsInput: true)
        let error = #expect(throws: TokenizerError.self) { try cutter.apply(to: &words, writesBytes: true) }
        #expect(error?.code == .tooLarge)
    }
}
