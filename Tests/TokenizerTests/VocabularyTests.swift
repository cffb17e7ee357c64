import StrictJSON
import Testing

@testable import Tokenizer

@Suite struct VocabularyTests {
    @Test func `knows tokens by their bytes`() throws {
        let vocabulary = try Vocabulary(#require(json("{\"\u{3A9}\": 0, \"\u{2126}\": 1}").members))
        #expect(vocabulary.id(of: Array("\u{3A9}".utf8)) == 0)
        #expect(vocabulary.id(of: Array("\u{2126}".utf8)) == 1)
        #expect(vocabulary.token(1) == Array("\u{2126}".utf8))
        #expect(vocabulary.token(2) == nil)
    }

    @Test(arguments: [#"{"a": 0, "b": 0}"#, #"{"a": -1}"#, #"{"a": "0"}"#, #"{"a": 1e9}"#])
    func `refuses numbers that cannot be`(file: String) {
        let error = #expect(throws: TokenizerError.self) { try Vocabulary(#require(json(file).members)) }
        #expect(error?.code == .corrupt)
    }

    @Test func `takes a token of the limit and none longer`() throws {
        var vocabulary = try Vocabulary([])
        try vocabulary.insert(Array(repeating: 0x61, count: Limits.tokenBytes), id: 0)
        let error = #expect(throws: TokenizerError.self) {
            try vocabulary.insert(Array(repeating: 0x61, count: Limits.tokenBytes + 1), id: 1)
        }
        #expect(error?.code == .tooLarge)
    }

    @Test func `takes the largest number of the limit and none beyond`() throws {
        var vocabulary = try Vocabulary([])
        try vocabulary.insert([0x61], id: Limits.vocabulary - 1)
        #expect(throws: TokenizerError.self) { try vocabulary.insert([0x62], id: Limits.vocabulary) }
    }
}
