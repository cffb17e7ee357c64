/// Characters of a kind, such as digits: one bit for each of ASCII, a question for the others.
struct CharacterClass: Sendable {
    private let ascii: [Bool]
    private let belongs: @Sendable (Unicode.Scalar) -> Bool

    init(_ belongs: @escaping @Sendable (Unicode.Scalar) -> Bool) {
        self.belongs = belongs
        self.ascii = (0..<0x80).map { (byte: UInt8) in belongs(Unicode.Scalar(byte)) }
    }

    /// Calls `body` with the bounds of each character that belongs.
    func forEachMatch(in text: UnsafeBufferPointer<UInt8>, _ body: (Range<Int>) -> Void) throws(TokenizerError) {
        ascii.withUnsafeBufferPointer { ascii in
            var position = 0
            while position < text.count {
                let byte = text[position]
                let end: Int
                let matches: Bool
                if byte < 0x80 {
                    (end, matches) = (position + 1, ascii[Int(byte)])
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
