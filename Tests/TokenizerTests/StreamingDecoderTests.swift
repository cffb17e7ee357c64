import Testing

@testable import Tokenizer

@Suite struct StreamingDecoderTests {
    @Test func `holds a character back until its last byte`() throws {
        let tokenizer = try Tokenizer(directory: "\(TestData.fixtures)/tokenizers/tiny-spm")
        var stream = tokenizer.streamingDecoder()
        let deltas = try tokenizer.encode("a😀", addSpecialTokens: false).map { stream.append($0) }
        #expect(deltas.suffix(4) == ["", "", "", "😀"])
        #expect(stream.finish() == "")
    }

    @Test func `gives an unfinished character out at the end`() throws {
        let tokenizer = try Tokenizer(directory: "\(TestData.fixtures)/tokenizers/tiny-spm")
        var stream = tokenizer.streamingDecoder()
        let ids = try tokenizer.encode("a😀", addSpecialTokens: false).dropLast()
        let text = ids.map { stream.append($0) }.joined()
        #expect(text == "a")
        #expect(stream.finish() == "\u{FFFD}\u{FFFD}\u{FFFD}")
    }

    @Test func `shows no special tokens unless asked to`() throws {
        let tokenizer = try Tokenizer(directory: "\(TestData.fixtures)/tokenizers/tiny-bytebpe")
        let end = try #require(tokenizer.id(of: "<|endoftext|>"))
        var hidden = tokenizer.streamingDecoder()
        #expect(hidden.append(end) == "")
        var shown = tokenizer.streamingDecoder(skipSpecialTokens: false)
        #expect(shown.append(end) == "<|endoftext|>")
    }

    @Test func `holds back no more than the limit`() throws {
        let tokenizer = try Tokenizer(directory: "\(TestData.fixtures)/tokenizers/tiny-spm")
        let broken = try #require(tokenizer.id(of: "<0xFF>"))
        var stream = tokenizer.streamingDecoder()
        let deltas = (0..<Limits.heldTokens).map { _ in stream.append(broken) }
        #expect(deltas.dropLast().joined() == "")
        #expect(deltas.last == String(repeating: "\u{FFFD}", count: Limits.heldTokens))
    }

    @Test func `ids beyond the vocabulary have no text`() throws {
        var stream = try SmallFile().tokenizer().streamingDecoder()
        #expect(stream.append(.max) == "")
        #expect(stream.append(0) == "a")
    }

    @Test func `a text that is streamed is the text that is decoded`() throws {
        var numbers = SeededNumbers(seed: 3)
        for name in TestData.seeded {
            let tokenizer = try Tokenizer(directory: "\(TestData.fixtures)/tokenizers/\(name)")
            for _ in 0..<200 {
                let ids = try tokenizer.encode(numbers.text(), addSpecialTokens: false)
                #expect(streamed(ids, by: tokenizer) == Array(tokenizer.decode(ids, skipSpecialTokens: true).utf8))
            }
        }
    }

    @Test func `whatever a byte-level model says is streamed as it is decoded`() throws {
        let tokenizer = try Tokenizer(directory: "\(TestData.fixtures)/tokenizers/tiny-bytebpe")
        var numbers = SeededNumbers(seed: 7)
        for _ in 0..<200 {
            let ids = (0..<30).map { _ in UInt32.random(in: 0..<512, using: &numbers) }
            #expect(streamed(ids, by: tokenizer) == Array(tokenizer.decode(ids, skipSpecialTokens: true).utf8))
        }
    }

    private func streamed(_ ids: [UInt32], by tokenizer: Tokenizer) -> [UInt8] {
        var stream = tokenizer.streamingDecoder()
        var text: [UInt8] = []
        for id in ids { text += stream.append(id).utf8 }
        return text + stream.finish().utf8
    }
}
