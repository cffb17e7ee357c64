import Testing

@testable import Tokenizer

@Suite struct MetaspaceTests {
    @Test(arguments: [
        ("always", true, "a b", "▁a▁b"), ("always", false, "a", "▁a"), ("first", true, "a", "▁a"),
        ("first", false, "a", "a"),
        ("never", true, "a b", "a▁b"), ("always", true, " a", "▁a"),
    ])
    func `puts a mark before the text where the scheme says`(
        scheme: String,
        startsInput: Bool,
        text: String,
        expected: String
    ) throws {
        let metaspace = try Metaspace(json(#"{"prepend_scheme": "\#(scheme)", "split": false}"#))
        var words = PreTokenizedText(Array(text.utf8), startsInput: startsInput)
        try metaspace.apply(to: &words)
        #expect(words.bytes == Array(expected.utf8))
    }

    @Test func `turns marks back into spaces and drops that of the first token`() throws {
        let metaspace = try Metaspace(json("{}"))
        let decoded = metaspace.decoded([Array("▁a".utf8), Array("▁b▁".utf8)])
        #expect(decoded == [Array("a".utf8), Array(" b ".utf8)])
    }

    @Test(arguments: [#"{"replacement": "__"}"#, #"{"replacement": ""}"#])
    func `a mark is one character`(file: String) {
        let error = #expect(throws: TokenizerError.self) { try Metaspace(json(file)) }
        #expect(error?.code == .corrupt)
    }
}
