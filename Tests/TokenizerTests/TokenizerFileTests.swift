import Testing

@testable import Tokenizer

@Suite struct TokenizerFileTests {
    @Test(arguments: ["Unigram", "WordLevel"])
    func `an unknown kind of model is named, and the known one`(kind: String) {
        var file = SmallFile()
        file.model = #"{"type": "\#(kind)", "vocab": []}"#
        let error = #expect(throws: TokenizerError.self) { try file.tokenizer() }
        #expect(error?.code == .unsupported)
        #expect(error?.message.contains("\"\(kind)\"") == true)
        #expect(error?.message.contains("BPE") == true)
    }

    @Test(arguments: [
        #""continuing_subword_prefix": "@@""#, #""end_of_word_suffix": "</w>""#, #""dropout": 0.1"#,
    ])
    func `an unknown option of byte-pair encoding is refused`(option: String) {
        var file = SmallFile()
        file.model = #"{"type": "BPE", \#(option), "vocab": {"a": 0}, "merges": []}"#
        let error = #expect(throws: TokenizerError.self) { try file.tokenizer() }
        #expect(error?.code == .unsupported)
    }

    @Test(arguments: [
        #"["x", "a"]"#, #"["a", "a"]"#, #"["a"]"#, "3", #""a""#, #""a b c""#,
    ])
    func `a merge of what is no token is refused`(merge: String) {
        var file = SmallFile()
        file.model = #"{"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [\#(merge)]}"#
        let error = #expect(throws: TokenizerError.self) { try file.tokenizer() }
        #expect(error?.code == .corrupt)
    }

    @Test func `an unknown token that is none is refused`() {
        var file = SmallFile()
        file.model = #"{"type": "BPE", "unk_token": "?", "vocab": {"a": 0}, "merges": []}"#
        let error = #expect(throws: TokenizerError.self) { try file.tokenizer() }
        #expect(error?.code == .corrupt)
    }

    @Test func `the oldest files, which name no kind, are read`() throws {
        var file = SmallFile()
        file.model = #"{"vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}"#
        #expect(try file.tokenizer().encode("ab", addSpecialTokens: true) == [2])
    }

    @Test func `no file ends the process, however it is damaged`() throws {
        var numbers = SeededNumbers(seed: 4)
        let good = Array(
            SmallFile(
                normalizer: #"{"type": "Replace", "pattern": {"Regex": "a+"}, "content": "b"}"#,
                preTokenizer: #"{"type": "Metaspace", "prepend_scheme": "first"}"#,
                addedTokens: #"[{"id": 9, "content": "<a>", "special": true, "lstrip": true}]"#
            ).text.utf8
        )
        for _ in 0..<3000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...4, using: &numbers) {
                let index = Int.random(in: 0..<bytes.count, using: &numbers)
                switch Int.random(in: 0..<3, using: &numbers) {
                case 0: bytes[index] = UInt8.random(in: 0...127, using: &numbers)
                case 1: bytes.remove(at: index)
                case _: bytes.removeSubrange(index..<min(index + 20, bytes.count))
                }
            }
            guard let tokenizer = try? Tokenizer(json: bytes) else { continue }
            let ids = (try? tokenizer.encode("ab <a> cab", addSpecialTokens: true)) ?? []
            _ = tokenizer.decode(ids + [77], skipSpecialTokens: false)
        }
    }

    @Test func `random bytes are no tokenizer`() {
        var numbers = SeededNumbers(seed: 5)
        for count in 0..<200 {
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &numbers) }
            #expect(throws: TokenizerError.self) { try Tokenizer(json: bytes) }
        }
    }
}
