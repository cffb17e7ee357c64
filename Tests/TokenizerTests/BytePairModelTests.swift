import Testing

@testable import Tokenizer

@Suite struct BytePairModelTests {
    @Test func `merges the lowest rank first, leftmost first`() throws {
        let tokenizer = try SmallFile().tokenizer()
        #expect(try tokenizer.encode("abcab", addSpecialTokens: false) == [5, 4])
        #expect(try tokenizer.encode("aabbcc", addSpecialTokens: false) == [0, 4, 1, 2, 2])
    }

    @Test func `agrees with merging the best pair again and again`() throws {
        let vocabulary = ["a", "b", "aa", "ab", "ba", "aab", "abab", "bb", "bba"]
        let merges = ["a b", "b a", "a a", "b b", "a ab", "ab ab", "b ba"]
        var file = SmallFile()
        let members = vocabulary.enumerated().map { "\"\($0.element)\": \($0.offset)" }.joined(separator: ", ")
        let pairs = merges.map { "\"\($0)\"" }.joined(separator: ", ")
        file.model = #"{"type": "BPE", "vocab": {\#(members)}, "merges": [\#(pairs)]}"#
        let tokenizer = try file.tokenizer()
        var numbers = SeededNumbers(seed: 2)
        for _ in 0..<500 {
            let letters = (0..<Int.random(in: 1...40, using: &numbers)).map { _ in
                Bool.random(using: &numbers) ? "a" : "b"
            }
            let expected = slowly(letters, merges).compactMap { vocabulary.firstIndex(of: $0) }.map(UInt32.init)
            #expect(try tokenizer.encode(letters.joined(), addSpecialTokens: false) == expected)
        }
    }

    private func slowly(_ letters: [String], _ merges: [String]) -> [String] {
        var word = letters
        while true {
            let best = word.indices.dropLast()
                .compactMap { index in merges.firstIndex(of: word[index] + " " + word[index + 1]).map { ($0, index) } }
                .min(by: <)
            guard let (_, index) = best else { return word }
            word.replaceSubrange(index...index + 1, with: [word[index] + word[index + 1]])
        }
    }

    @Test func `one unknown token stands for a run of unknown characters`() throws {
        var file = SmallFile()
        file.model = """
            {"type": "BPE", "unk_token": "?", "fuse_unk": true, "vocab": {"?": 0, "a": 1}, "merges": []}
            """
        #expect(try file.tokenizer().encode("xyaz", addSpecialTokens: false) == [0, 1, 0])
        file.model = file.model.replacing("true", with: "false")
        #expect(try file.tokenizer().encode("xyaz", addSpecialTokens: false) == [0, 0, 1, 0])
    }

    @Test func `a character without a token becomes its bytes`() throws {
        let tokenizer = try Tokenizer(directory: "\(TestData.fixtures)/tokenizers/tiny-spm")
        let ids = try tokenizer.encode("😀", addSpecialTokens: false)
        #expect(ids.suffix(4).map { tokenizer.token($0) } == ["<0xF0>", "<0x9F>", "<0x98>", "<0x80>"])
        #expect(tokenizer.decode(ids, skipSpecialTokens: true) == "😀")
    }

    @Test func `a word that is a token is taken whole where merges are ignored`() throws {
        var file = SmallFile()
        file.model = """
            {"type": "BPE", "ignore_merges": true, "vocab": {"a": 0, "b": 1, "ba": 2}, "merges": []}
            """
        #expect(try file.tokenizer().encode("ba", addSpecialTokens: false) == [2])
        #expect(try file.tokenizer().encode("baa", addSpecialTokens: false) == [1, 0, 0])
    }

    @Test func `cutting before each mark changes no answer`() throws {
        // The vocabulary has no token with a mark inside, so the encoder cuts; with one that has, it must not.
        let cut = try markedFile(extra: "").tokenizer()
        let whole = try markedFile(extra: #", "a▁": 6"#).tokenizer()
        #expect(cut.model.wordMark != nil)
        #expect(whole.model.wordMark == nil)
        for text in ["▁a▁▁b▁", "a▁a", "▁▁▁", "ab▁ab", ""] {
            #expect(
                try cut.encode(text, addSpecialTokens: false) == whole.encode(text, addSpecialTokens: false)
            )
        }
    }

    private func markedFile(extra: String) -> SmallFile {
        var file = SmallFile()
        file.model = """
            {"type": "BPE", "vocab": {"▁": 0, "a": 1, "b": 2, "▁▁": 3, "▁a": 4, "ab": 5\(extra)},
             "merges": ["▁ ▁", "▁ a", "a b"]}
            """
        return file
    }
}
