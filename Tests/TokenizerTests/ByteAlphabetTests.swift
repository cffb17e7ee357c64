import Testing

@testable import Tokenizer

@Suite struct ByteAlphabetTests {
    @Test func `writes a space, a line feed and a letter as GPT-2 does`() {
        #expect(String(decoding: written(Array(" \na".utf8)), as: UTF8.self) == "ĠĊa")
    }

    @Test func `reads what it wrote, for every byte`() {
        let bytes = Array(UInt8.min...UInt8.max)
        #expect(ByteAlphabet.read(written(bytes)) == bytes)
    }

    @Test func `leaves a token alone that is not written in it`() {
        #expect(ByteAlphabet.read(Array("a b".utf8)) == Array("a b".utf8))
    }

    private func written(_ bytes: [UInt8]) -> [UInt8] {
        var written: [UInt8] = []
        ByteAlphabet.write(bytes, into: &written)
        return written
    }
}
