import Foundation
internal import StrictJSON

/// How BERT prepares a text: four steps, each of which a file may leave out, and Hugging Face's order of them.
struct BertNormalizer: Sendable {
    /// Drops controls and makes every space the plain one.
    let cleansText: Bool
    /// Puts spaces around ideographs, which are words of their own then.
    let separatesChinese: Bool
    /// Decomposes characters and drops the marks above and below them.
    let stripsAccents: Bool
    let lowercases: Bool

    init(_ json: JSON) {
        self.cleansText = json["clean_text"]?.bool ?? true
        self.separatesChinese = json["handle_chinese_chars"]?.bool ?? true
        self.lowercases = json["lowercase"]?.bool ?? true
        // The original BERT strips accents exactly where it lowercases, which is what a missing value means.
        self.stripsAccents = json["strip_accents"]?.bool ?? self.lowercases
    }

    func normalized(_ text: [UInt8]) -> [UInt8] {
        if text.allSatisfy({ $0 < 0x80 }) { return normalized(ascii: text) }
        var scalars = String.UnicodeScalarView()
        for scalar in String(decoding: text, as: UTF8.self).unicodeScalars { append(scalar, to: &scalars) }
        if stripsAccents {
            scalars = scalars.decomposedAsInUnicode8
            scalars.removeAll { $0.categoryInUnicode8 == .nonspacingMark }
        }
        return Array((lowercases ? String(scalars).lowercased() : String(scalars)).utf8)
    }

    /// The same for what ASCII has: it holds neither ideographs nor marks.
    private func normalized(ascii text: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        for byte in text {
            switch byte {
            case 0x09, 0x0A, 0x0D: result.append(cleansText ? 0x20 : byte)
            case 0x00..<0x20, 0x7F: if !cleansText { result.append(byte) }
            case 0x41...0x5A: result.append(lowercases ? byte | 0x20 : byte)
            case _: result.append(byte)
            }
        }
        return result
    }

    /// The first two steps.
    private func append(_ scalar: Unicode.Scalar, to scalars: inout String.UnicodeScalarView) {
        var scalar = scalar
        if cleansText {
            switch scalar {
            case "\t", "\n", "\r": scalar = " "
            case "\0", "\u{FFFD}": return
            case _ where scalar.categoryInUnicode8.isOther: return
            case _ where scalar.properties.isWhitespace: scalar = " "
            case _: break
            }
        }
        guard separatesChinese, scalar.isChinese else { return scalars.append(scalar) }
        scalars.append(" ")
        scalars.append(scalar)
        scalars.append(" ")
    }
}

extension String.UnicodeScalarView {
    /// The canonical decomposition (NFD) of what Unicode 8 knows. A character that came later neither decomposes nor lets
    /// marks before and behind it change places.
    fileprivate var decomposedAsInUnicode8: Self {
        var result = Self()
        for run in split(omittingEmptySubsequences: false, whereSeparator: { !$0.exists(inUnicode: 8) }) {
            result.append(contentsOf: String(run).decomposedStringWithCanonicalMapping.unicodeScalars)
            if run.endIndex < endIndex { result.append(self[run.endIndex]) }
        }
        return result
    }
}
