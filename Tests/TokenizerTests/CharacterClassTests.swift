import Testing

@testable import Tokenizer

@Suite struct CharacterClassTests {
    @Test func `finds the characters of a text that belong, whatever their length`() throws {
        let text = "a1½٣😀٪!,😀$"
        #expect(try matches(of: .numeric, in: text) == ["1", "½", "٣"])
        #expect(try matches(of: .punctuation, in: text) == ["٪", "!", ",", "$"])
        #expect(try matches(of: .whitespace, in: "a b\u{3000}\n") == [" ", "\u{3000}", "\n"])
    }

    @Test func `answers of every character what its question answers`() throws {
        let letters = CharacterClass { $0.properties.isAlphabetic }
        let scalars = (UInt32(0)..<0x3000).compactMap(Unicode.Scalar.init)
        let text = String(String.UnicodeScalarView(scalars))
        #expect(try matches(of: letters, in: text) == scalars.filter(\.properties.isAlphabetic).map(String.init))
    }

    private func matches(of characters: CharacterClass, in text: String) throws -> [String] {
        try Array(text.utf8).withBytes { bytes throws(TokenizerError) in
            var found: [String] = []
            try characters.forEachMatch(in: bytes) { found.append(String(decoding: bytes[$0], as: UTF8.self)) }
            return found
        }
    }
}
