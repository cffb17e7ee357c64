import Foundation

/// How llama.cpp prepares a text for BERT's word pieces: spaces around all that is a word of its own.
///
/// It differs from Hugging Face's way in what it takes from Unicode: the tables are those of version 15, spacing marks are
/// accents too, and of a decomposition only the first character stays, so that a Hangul syllable becomes its initial.
/// Whoever meets the file elsewhere meets llama.cpp's ids, and so these are ours.
struct GGUFWordNormalizer: Sendable {
    let lowercases: Bool
    let stripsAccents: Bool

    func normalized(_ text: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(text.count + text.count / 4)
        let string = String(decoding: text, as: UTF8.self)
        let isPlain = text.allSatisfy { $0 < 0x80 }
        for scalar in (stripsAccents && !isPlain ? string.decomposed : string).unicodeScalars {
            append(scalar, to: &result)
        }
        return result
    }

    private func append(_ scalar: Unicode.Scalar, to result: inout [UInt8]) {
        if scalar.properties.isWhitespace { return result.append(UInt8(ascii: " ")) }
        let isKnown = scalar.exists(inUnicode: 15)
        let category = isKnown ? scalar.properties.generalCategory : .unassigned
        if scalar == "\0" || scalar == "\u{FFFD}" || category.isOther { return }
        if stripsAccents, category.isMark { return }
        let isWord = category.isPunctuation || (scalar.isASCII && category.isSymbol) || scalar.isChinese
        if isWord { result.append(UInt8(ascii: " ")) }
        // One character becomes one: of the two that a dotted capital I becomes elsewhere, the first.
        let lowered = lowercases && isKnown ? scalar.properties.lowercaseMapping.unicodeScalars.first : nil
        result.append(contentsOf: UTF8.encode(lowered ?? scalar) ?? UTF8.encodedReplacementCharacter)
        if isWord { result.append(UInt8(ascii: " ")) }
    }
}

extension String {
    /// The canonical decomposition, in which a Hangul syllable is its initial alone: what follows the first character of
    /// all other decompositions are marks, which are dropped.
    fileprivate var decomposed: String {
        var scalars = UnicodeScalarView()
        for scalar in unicodeScalars {
            let initial = (0xAC00...0xD7A3).contains(scalar.value) ? 0x1100 + (scalar.value - 0xAC00) / 588 : nil
            scalars.append(initial.flatMap(Unicode.Scalar.init) ?? scalar)
        }
        return String(scalars).decomposedStringWithCanonicalMapping
    }
}
