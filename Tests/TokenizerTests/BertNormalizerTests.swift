import Testing

@testable import Tokenizer

@Suite struct BertNormalizerTests {
    private static func normalized(_ text: String, _ options: String) throws -> String {
        let normalizer = try Normalizer(json(#"{"type": "BertNormalizer", \#(options)}"#))
        return String(decoding: try normalizer.normalized(Array(text.utf8)), as: UTF8.self)
    }

    @Test(arguments: [
        // Seven characters changed their category after Unicode 8, and a mark of Unicode 10 is none yet.
        ("\u{1734}\u{1171E}", ""), ("\u{1885}\u{A9BD}\u{111C9}\u{AFA}", "\u{1885}\u{A9BD}\u{111C9}\u{AFA}"),
        ("ÀÉ", "ae"), ("e\u{301}\u{323}", "e"), ("\u{11938}", "\u{11938}"), ("한", "\u{1112}\u{1161}\u{11AB}"),
        ("a\u{302E}\u{1D165}", "a\u{1D165}\u{302E}"), ("\u{302E}\u{11938}\u{1D165}", "\u{302E}\u{11938}\u{1D165}"),
        ("A\u{0}\u{FFFD}\u{7}\u{AD}\u{E000}B", "ab"), ("a\t\r\nb\u{A0}\u{2028}c", "a   b  c"), ("\u{B}x\u{7F}", "x"),
        ("\u{890}", "\u{890}"), ("日本", " 日  本 "), ("\u{2B8FF}\u{2B920}", "\u{2B8FF} \u{2B920} "), ("İ", "i"),
        ("ΣΑΣ", "σασ"),
    ])
    func `BERT's own steps are those of Hugging Face`(text: String, expected: String) throws {
        let result = try Self.normalized(text, #""lowercase": true"#)
        #expect(Array(result.unicodeScalars) == Array(expected.unicodeScalars))
    }

    @Test(arguments: [
        (#""lowercase": false"#, "É A\tb日\u{7}", "É A b 日 "),
        (#""lowercase": false, "strip_accents": true"#, "ÉA", "EA"),
        (#""strip_accents": false"#, "ÉA", "éa"), (#""clean_text": false"#, "A\t\u{7}É", "a\t\u{7}e"),
        (#""clean_text": false"#, "A\t\u{7}", "a\t\u{7}"), (#""handle_chinese_chars": false"#, "a日", "a日"),
        (#""strip_accents": null"#, "É", "e"), (#""lowercase": false"#, "A\n\u{7F}", "A "),
    ])
    func `each step is taken where the file says so`(options: String, text: String, expected: String) throws {
        let result = try Self.normalized(text, options)
        #expect(Array(result.unicodeScalars) == Array(expected.unicodeScalars))
    }

    @Test func `what ASCII has is treated alike in a text of ASCII and beside other characters`() throws {
        for options in [#""lowercase": true"#, #""lowercase": false"#, #""clean_text": false"#] {
            for byte in UInt8(0)..<0x80 {
                let text = "x" + String(Unicode.Scalar(byte))
                #expect(try Self.normalized(text, options) + "ж" == Self.normalized(text + "ж", options))
            }
        }
    }
}
