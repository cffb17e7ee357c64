import GGUFSamples
import Testing

@testable import Tokenizer

@Suite struct WordPieceTests {
    private static let vocabulary = """
        {"[UNK]": 0, "[CLS]": 1, "un": 2, "##aff": 3, "##able": 4, "##a": 5, "u": 6, "é": 7, "##é": 8, "##": 9, "##n": 10,
         "##ff": 11, "##b": 12}
        """

    private static func file(_ options: String = "") -> SmallFile {
        var file = SmallFile()
        file.model = #"{"type": "WordPiece", \#(options) "vocab": \#(vocabulary)}"#
        file.preTokenizer = #"{"type": "BertPreTokenizer"}"#
        file.decoder = #"{"type": "WordPiece"}"#
        return file
    }

    @Test(arguments: [
        ("unaffable", [2, 3, 4]), ("unaffb", [2, 3, 12]), ("uéa", [6, 8, 5]), ("é", [7]), ("ué un", [6, 8, 2]),
        // No piece goes on, none begins, and a lone mark goes on with nothing.
        ("unx", [0]), ("xun", [0]), ("aff", [0]), ("una##", [2, 5, 0, 0]), ("", []),
    ])
    func `a word is the longest pieces from its start`(text: String, ids: [UInt32]) throws {
        #expect(try Self.file().tokenizer().encode(text, addSpecialTokens: false) == ids)
    }

    @Test func `a word of more characters than the file allows is unknown`() throws {
        let tokenizer = try Self.file(#""max_input_chars_per_word": 3,"#).tokenizer()
        #expect(try tokenizer.encode("uéé uééé unaff", addSpecialTokens: false) == [6, 8, 8, 0, 0])
        let standard = try Self.file().tokenizer()
        let ids = try standard.encode("u" + String(repeating: "a", count: 99), addSpecialTokens: false)
        #expect(ids == [6] + Array(repeating: 5, count: 99))
        let longer = "u" + String(repeating: "a", count: 100)
        #expect(try standard.encode(longer, addSpecialTokens: false) == [0])
    }

    @Test func `pieces are told apart as the file says`() throws {
        let other = try Self.file(#""continuing_subword_prefix": "", "unk_token": "u","#).tokenizer()
        #expect(try other.encode("unu unx", addSpecialTokens: false) == [2, 6, 6])
        let none = try Self.file(#""continuing_subword_prefix": "@@","#).tokenizer()
        #expect(try none.encode("un una", addSpecialTokens: false) == [2, 0])
    }

    @Test func `an unknown token that is none is refused`() {
        let error = #expect(throws: TokenizerError.self) { try Self.file(#""unk_token": "?","#).tokenizer() }
        #expect(error?.code == .corrupt)
    }

    @Test func `pieces that take too long to look for are refused`() throws {
        func tokenizer(_ count: Int) throws -> Tokenizer {
            var file = SmallFile()
            let long = String(repeating: "a", count: count)
            file.model = #"{"type": "WordPiece", "vocab": {"[UNK]": 0, "\#(long)": 1}}"#
            return try file.tokenizer()
        }
        let long = String(repeating: "a", count: 100)
        #expect(try tokenizer(Limits.wordPieceBytes).encode(long, addSpecialTokens: false) == [0])
        let error = #expect(throws: TokenizerError.self) { try tokenizer(Limits.wordPieceBytes + 1) }
        #expect(error?.code == .tooLarge)
    }

    @Test func `an added token that is normalised decodes to what it was normalised to`() throws {
        var file = Self.file()
        file.normalizer = #"{"type": "BertNormalizer"}"#
        file.addedTokens = #"[{"id": 20, "content": "<A>", "normalized": true}, {"id": 21, "content": "<B>"}]"#
        let tokenizer = try file.tokenizer()
        #expect(try tokenizer.encode("UN <a>", addSpecialTokens: false) == [2, 20])
        #expect(tokenizer.decode([2, 20], skipSpecialTokens: false) == "un <a>")
        #expect(tokenizer.token(20) == "<A>")
    }

    // MARK: GGUF

    private static let sample: [(key: String, value: GGUFSample.Value)] = [
        ("tokenizer.ggml.model", .text("bert")),
        (
            "tokenizer.ggml.tokens",
            .texts(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "▁un", "able", "▁", "x", "▁,", "ᄒ", "▁ÉA", "▁ea", "!"])
        ),
        ("tokenizer.ggml.token_type", .integers([3, 3, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1])),
        ("tokenizer.ggml.unknown_token_id", .uint32(1)), ("tokenizer.ggml.cls_token_id", .uint32(2)),
        ("tokenizer.ggml.seperator_token_id", .uint32(3)),
    ]

    private static func gguf(_ changes: [String: GGUFSample.Value] = [:]) throws -> Tokenizer {
        let kept = sample.filter { changes[$0.key] == nil }
        let file = GGUFSample(kept + changes.map { (key: $0.key, value: $0.value) })
        return try file.bytes.withUnsafeBytes { bytes in try Tokenizer(gguf: bytes) }
    }

    @Test(arguments: [
        ("unable", [4, 5]), ("UN\u{A0}unable\n", [4, 4, 5]), ("xx", [6, 7, 7]), ("un,un", [4, 8, 4]),
        ("un\u{7}x", [4, 7]),
        ("q", [1]), ("[SEP]un", [3, 4]), ("ÉA", [11]), ("", []),
        // Its initial alone stays of a Hangul syllable, and what is no ASCII is no symbol.
        ("한", [6, 9]), ("x€", [1]), ("x!", [6, 7, 6, 12]),
    ])
    func `a GGUF vocabulary marks what begins a word`(text: String, ids: [UInt32]) throws {
        #expect(try Self.gguf().encode(text, addSpecialTokens: false) == ids)
    }

    @Test func `a GGUF file says whether letters keep their case and their accents`() throws {
        let cased = try Self.gguf(["tokenizer.ggml.normalizer.lowercase": .bool(false)])
        #expect(try cased.encode("ÉA ea", addSpecialTokens: false) == [10, 11])
        let stripped = try Self.gguf([
            "tokenizer.ggml.normalizer.lowercase": .bool(false), "tokenizer.ggml.normalizer.strip_accents": .bool(true),
        ])
        #expect(try stripped.encode("éa", addSpecialTokens: false) == [11])
    }

    @Test func `a GGUF vocabulary has its tokens around every text, and decodes as Hugging Face does`() throws {
        let tokenizer = try Self.gguf()
        let ids = try tokenizer.encode("un, unable", addSpecialTokens: true)
        #expect(ids == [2, 4, 8, 4, 5, 3])
        #expect(tokenizer.decode(ids, skipSpecialTokens: true) == "un, unable")
        #expect(tokenizer.decode(ids, skipSpecialTokens: false) == "[CLS] un, unable [SEP]")
        let other = try Self.gguf(["tokenizer.ggml.bos_token_id": .uint32(0)])
        #expect(try other.encode("", addSpecialTokens: true) == [0, 3])
    }

    @Test(arguments: ["unknown_token_id", "cls_token_id", "seperator_token_id"])
    func `a GGUF file without the tokens that it needs is refused`(key: String) {
        let error = #expect(throws: TokenizerError.self) { try Self.gguf(["tokenizer.ggml.\(key)": .uint32(99)]) }
        #expect(error?.code == .corrupt)
    }
}
