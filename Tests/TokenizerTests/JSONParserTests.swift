import Testing

@testable import Tokenizer

@Suite struct JSONParserTests {
    @Test func `reads every kind of value`() throws {
        let value = try json(#" {"a": [1, -2.5, true, false, null, "x"], "b": {}} "#)
        #expect(
            value["a"]?.elements == [
                .integer(1), .fraction(-2.5), .boolean(true), .boolean(false), .null, .string(Array("x".utf8)),
            ]
        )
        #expect(value["b"]?.members == [])
    }

    @Test(arguments: [
        (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"), (#""\u00e9""#, "é"), (#""\ud83d\ude00""#, "😀"),
        (#""é😀""#, "é😀"),
    ])
    func `undoes escapes`(text: String, expected: String) throws {
        #expect(try json(text).bytes == Array(expected.utf8))
    }

    @Test func `keeps strings apart that Unicode calls equivalent`() throws {
        let members = try json("{\"\u{3A9}\": 1, \"\u{2126}\": 2}").members
        #expect(members?.map(\.value) == [.integer(1), .integer(2)])
    }

    @Test(arguments: [
        "", "{", "[1,", #"{"a" 1}"#, "[1 2]", "tru", #""\x""#, #""\u12"#, #""\ud800""#, #""\udc00""#, "\"\n\"", "1 2",
        "-", "{,}",
    ])
    func `refuses broken text`(text: String) {
        let error = #expect(throws: TokenizerError.self) { try json(text) }
        #expect(error?.code == .corrupt)
    }

    @Test func `refuses bytes that are no UTF-8`() {
        let error = #expect(throws: TokenizerError.self) { try Tokenizer(json: [0x22, 0xFF, 0x22]) }
        #expect(error?.code == .corrupt)
    }

    @Test func `nests as deep as the limit and no deeper`() throws {
        let deepest = Limits.nesting
        _ = try json(String(repeating: "[", count: deepest) + String(repeating: "]", count: deepest))
        let error = #expect(throws: TokenizerError.self) { try json(String(repeating: "[", count: deepest + 1)) }
        #expect(error?.code == .tooLarge)
    }
}
