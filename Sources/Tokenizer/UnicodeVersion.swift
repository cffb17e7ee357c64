/// Characters as an older Unicode knows them. A reference that carries old tables cuts words by them, and text that it does
/// not know stays as it is there.
extension Unicode.Scalar {
    /// Whether the character existed in this version.
    func exists(inUnicode major: Int) -> Bool {
        guard !isASCII else { return true }
        guard let age = properties.age else { return false }
        return age.major < major || (age.major == major && age.minor == 0)
    }

    /// The general category in the tables of Unicode 8, which Hugging Face's `tokenizers` looks up. Seven characters have
    /// another one since; compared with `tokenizers` 0.23 on every scalar.
    var categoryInUnicode8: Unicode.GeneralCategory {
        switch value {
        case 0x166D, 0x111C9: .otherPunctuation
        case 0x1734, 0x1171E: .nonspacingMark
        case 0x1885, 0x1886: .otherLetter
        case 0xA9BD: .spacingMark
        case _: exists(inUnicode: 8) ? properties.generalCategory : .unassigned
        }
    }

    /// The ideographs that BERT makes words of their own. Hugging Face begins one of the ranges at U+2B920 and not at
    /// U+2B820, and llama.cpp follows.
    var isChinese: Bool {
        switch value {
        case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F, 0x2B740...0x2B81F,
            0x2B920...0x2CEAF, 0xF900...0xFAFF, 0x2F800...0x2FA1F:
            true
        case _: false
        }
    }
}

extension Unicode.GeneralCategory {
    var isPunctuation: Bool {
        switch self {
        case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
            .finalPunctuation, .otherPunctuation:
            true
        case _: false
        }
    }

    var isSymbol: Bool {
        switch self {
        case .mathSymbol, .currencySymbol, .modifierSymbol, .otherSymbol: true
        case _: false
        }
    }

    var isMark: Bool {
        switch self {
        case .nonspacingMark, .spacingMark, .enclosingMark: true
        case _: false
        }
    }

    /// Controls, formats and characters for private use.
    var isOther: Bool {
        switch self {
        case .control, .format, .privateUse, .surrogate: true
        case _: false
        }
    }
}
