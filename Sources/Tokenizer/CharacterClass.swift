/// Characters of a kind, such as digits: an answer kept for each that has one byte or two, a question for the others. In
/// the byte alphabet, which some tokenizers cut after it is written, a space has two.
struct CharacterClass: Sendable {
    private let short: [Bool]
    private let belongs: @Sendable (Unicode.Scalar) -> Bool

    init(_ belongs: @escaping @Sendable (Unicode.Scalar) -> Bool) {
        self.belongs = belongs
        self.short = (0..<0x800).map { (value: UInt16) in Unicode.Scalar(value).map(belongs) ?? false }
    }

    /// Calls `body` with the bounds of each character that belongs.
    func forEachMatch(in text: UnsafeBufferPointer<UInt8>, _ body: (Range<Int>) -> Void) throws(TokenizerError) {
        short.withUnsafeBufferPointer { short in
            var position = 0
            while position < text.count {
                let byte = text[position]
                let end: Int
                let matches: Bool
                if byte < 0x80 {
                    (end, matches) = (position + 1, short[Int(byte)])
                } else if 0xC2..<0xE0 ~= byte, position + 1 < text.count {
                    (end, matches) = (position + 2, short[Int(byte & 0x1F) << 6 | Int(text[position + 1] & 0x3F)])
                } else {
                    end = min(position + text.characterLength(at: position), text.count)
                    matches = belongs(UnsafeBufferPointer(rebasing: text[position..<end]).scalar)
                }
                if matches { body(position..<end) }
                position = end
            }
        }
    }

    /// Numbers of every script, among them fractions and numerals.
    static let numeric = CharacterClass { scalar in
        switch scalar.properties.generalCategory {
        case .decimalNumber, .letterNumber, .otherNumber: true
        case _: false
        }
    }

    /// Punctuation as Hugging Face knows it, and those marks of ASCII that Unicode calls symbols.
    static let punctuation = CharacterClass { scalar in
        let category = scalar.categoryInUnicode8
        return category.isPunctuation || (scalar.isASCII && category.isSymbol)
    }

    static let whitespace = CharacterClass { $0.properties.isWhitespace }
}
