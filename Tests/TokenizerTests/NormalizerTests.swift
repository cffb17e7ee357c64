import Testing

@testable import Tokenizer

@Suite struct NormalizerTests {
    @Test(arguments: [
        (#"{"type": "NFC"}"#, "e\u{301}", "é"), (#"{"type": "NFD"}"#, "é", "e\u{301}"),
        (#"{"type": "NFKC"}"#, "ﬁ", "fi"),
        (#"{"type": "NFKD"}"#, "ﬁé", "fie\u{301}"), (#"{"type": "Lowercase"}"#, "ÀB", "àb"),
        (#"{"type": "Prepend", "prepend": "▁"}"#, "a", "▁a"), (#"{"type": "Prepend", "prepend": "▁"}"#, "", ""),
        (#"{"type": "Replace", "pattern": {"String": "ab"}, "content": "c"}"#, "aabb", "acb"),
        (#"{"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}"#, "a   b c", "a b c"),
        (#"{"type": "Strip", "strip_left": true, "strip_right": false}"#, "  a ", "a "),
        (#"{"type": "Sequence", "normalizers": [{"type": "Lowercase"}, {"type": "NFC"}]}"#, "E\u{301}", "é"),
    ])
    func `changes a text as its kind says`(file: String, text: String, expected: String) throws {
        let normalizer = try Normalizer(json(file))
        #expect(try normalizer.normalized(Array(text.utf8)) == Array(expected.utf8))
    }

    @Test func `names an unknown kind and those that are known`() {
        let error = #expect(throws: TokenizerError.self) { try Normalizer(json(#"{"type": "Precompiled"}"#)) }
        #expect(error?.code == .unsupported)
        #expect(error?.message.contains("\"Precompiled\"") == true)
        #expect(error?.message.contains("NFKC") == true)
    }

    @Test func `a chain of replacements cannot multiply a text without end`() throws {
        let step =
            #"{"type": "Replace", "pattern": {"String": "a"}, "content": "\#(String(repeating: "a", count: 64))"}"#
        let steps = repeatElement(step, count: 8).joined(separator: ", ")
        let normalizer = try Normalizer(json(#"{"type": "Sequence", "normalizers": [\#(steps)]}"#))
        let error = #expect(throws: TokenizerError.self) { try normalizer.normalized([UInt8(ascii: "a")]) }
        #expect(error?.code == .tooLarge)
    }
}
