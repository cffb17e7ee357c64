import CDemoModel
import Testing

@testable import Tokenizer

@Suite struct TokenizerTests {
    @Test func `the embedded model's tokenizer is read in place`() throws {
        let tokenizer = try embedded()
        #expect(tokenizer.vocabularySize == 1024)
        let begin = try #require(tokenizer.id(of: "<|bos|>"))
        let ids = try tokenizer.encode("Once upon a time", addSpecialTokens: true)
        #expect(ids.first == begin)
        #expect(tokenizer.decode(ids, skipSpecialTokens: true) == "Once upon a time")
        #expect(tokenizer.decode(ids, skipSpecialTokens: false) == "<|bos|>Once upon a time")
    }

    @Test func `a byte-level tokenizer gives back every text`() throws {
        let tokenizer = try embedded()
        var numbers = SeededNumbers(seed: 6)
        for _ in 0..<500 {
            let text = numbers.text()
            let ids = try tokenizer.encode(text, addSpecialTokens: false)
            #expect(Array(tokenizer.decode(ids, skipSpecialTokens: false).utf8) == Array(text.utf8))
        }
    }

    @Test func `encodes the same whether a word was met before or not`() throws {
        let tokenizer = try embedded()
        let word = try tokenizer.encode(" unbelievable", addSpecialTokens: false)
        let twice = try tokenizer.encode(" unbelievable unbelievable", addSpecialTokens: false)
        #expect(twice == word + word)
    }

    @Test func `takes a text of the limit and none longer`() throws {
        let tokenizer = try SmallFile().tokenizer()
        let error = #expect(throws: TokenizerError.self) {
            try tokenizer.encode(String(repeating: "a", count: Limits.textBytes + 1), addSpecialTokens: false)
        }
        #expect(error?.code == .tooLarge)
        #expect(try tokenizer.encode(String(repeating: " ", count: 1 << 16), addSpecialTokens: false).count == 1 << 16)
    }

    private func embedded() throws -> Tokenizer {
        let file = kwaai_demo_tokenizer()
        return try Tokenizer(json: UnsafeRawBufferPointer(start: file.start, count: file.count))
    }
}
