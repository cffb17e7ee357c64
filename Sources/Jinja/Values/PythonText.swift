/// Text as Python sees it: a sequence of code points.
///
/// Swift's own comparisons and searches go by characters and canonical equivalence; nothing here does.
extension String {
    var scalars: [Unicode.Scalar] { Array(unicodeScalars) }

    init(_ scalars: some Sequence<Unicode.Scalar>) {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        self.init(view)
    }

    func hasSameBytes(as other: String) -> Bool { utf8.elementsEqual(other.utf8) }

    /// Code points order as their UTF-8 does.
    func precedes(_ other: String) -> Bool { utf8.lexicographicallyPrecedes(other.utf8) }

    /// Where the first `limit` occurrences of `needle` begin, in bytes; they do not overlap. None of an empty one.
    ///
    /// Knuth, Morris and Pratt's search, which is linear whatever the texts are.
    func byteOffsets(of needle: String, limit: Int = .max) -> [Int] {
        let needle = Array(needle.utf8)
        guard !needle.isEmpty, limit > 0 else { return [] }
        // How much of the needle's beginning each of its beginnings ends with.
        var borders = [0]
        for index in needle.indices.dropFirst() {
            var length = borders[index - 1]
            while length > 0, needle[index] != needle[length] { length = borders[length - 1] }
            borders.append(needle[index] == needle[length] ? length + 1 : 0)
        }
        var offsets: [Int] = []
        var matched = 0
        for (index, byte) in utf8.enumerated() {
            while matched > 0, byte != needle[matched] { matched = borders[matched - 1] }
            if byte == needle[matched] { matched += 1 }
            guard matched == needle.count else { continue }
            offsets.append(index + 1 - needle.count)
            guard offsets.count < limit else { break }
            matched = 0
        }
        return offsets
    }

    func contains(bytesOf needle: String) -> Bool { needle.isEmpty || !byteOffsets(of: needle, limit: 1).isEmpty }

    /// The pieces between the first `limit` occurrences of `separator`, which is not empty.
    func pieces(separatedBy separator: String, limit: Int = .max) -> [String] {
        let bytes = Array(utf8)
        var pieces: [String] = []
        var start = 0
        for offset in byteOffsets(of: separator, limit: limit) {
            pieces.append(String(decoding: bytes[start..<offset], as: UTF8.self))
            start = offset + separator.utf8.count
        }
        pieces.append(String(decoding: bytes[start...], as: UTF8.self))
        return pieces
    }

    /// Without the characters of `set` at the chosen ends; nil stands for white space.
    func stripped(of set: String?, leading: Bool = true, trailing: Bool = true) -> String {
        let strips: (Unicode.Scalar) -> Bool
        if let set {
            let members = Set(set.unicodeScalars)
            strips = { members.contains($0) }
        } else {
            strips = { $0.isPythonSpace }
        }
        var rest = Substring(self).unicodeScalars
        if leading { rest = rest.drop(while: strips) }
        if trailing { while let last = rest.last, strips(last) { rest.removeLast() } }
        return String(rest)
    }

    /// Lines without their ends, as `str.splitlines` cuts them.
    func splitLines(keepingEnds: Bool = false) -> [String] {
        var lines: [String] = []
        var line = String.UnicodeScalarView()
        func close(with end: [Unicode.Scalar]) {
            if keepingEnds { line.append(contentsOf: end) }
            lines.append(String(line))
            line = String.UnicodeScalarView()
        }
        var awaitsLineFeed = false
        for scalar in unicodeScalars {
            if awaitsLineFeed {
                awaitsLineFeed = false
                close(with: scalar == "\n" ? ["\r", "\n"] : ["\r"])
                if scalar == "\n" { continue }
            }
            switch scalar {
            case "\r": awaitsLineFeed = true
            case "\n", "\u{B}", "\u{C}", "\u{1C}", "\u{1D}", "\u{1E}", "\u{85}", "\u{2028}", "\u{2029}":
                close(with: [scalar])
            case _: line.append(scalar)
            }
        }
        if awaitsLineFeed { close(with: ["\r"]) } else if !line.isEmpty { close(with: []) }
        return lines
    }
}

extension Sequence<Unicode.Scalar> {
    /// Whether a letter with a case comes first, marks and the like left aside.
    fileprivate var beginsWithCased: Bool {
        first { !$0.properties.isCaseIgnorable }?.properties.isCased ?? false
    }
}

extension Unicode.Scalar {
    /// Python's `str.isspace`: Unicode's white space and the four separators of ASCII.
    var isPythonSpace: Bool { properties.isWhitespace || ("\u{1C}"..."\u{1F}").contains(self) }

    /// Python's `str.isprintable`, which decides what `repr` escapes.
    var isPrintable: Bool {
        switch properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
        case .spaceSeparator: self == " "
        case _: true
        }
    }
}

// MARK: - Case

extension String {
    /// Python's `str.lower`: a capital sigma at the end of a word becomes the letter that stands there.
    var lowered: String {
        guard unicodeScalars.contains("\u{3A3}") else { return lowercased() }
        let scalars = scalars
        return scalars.indices.map { index in
            let isFinal =
                scalars[index] == "\u{3A3}" && scalars[..<index].reversed().beginsWithCased
                && !scalars[(index + 1)...].beginsWithCased
            return isFinal ? "\u{3C2}" : scalars[index].properties.lowercaseMapping
        }.joined()
    }

    /// The first letter in title case, the rest in lower case.
    var capitalized: String {
        guard let first = unicodeScalars.first else { return "" }
        return first.properties.titlecaseMapping + String(unicodeScalars.dropFirst()).lowered
    }

    /// Python's `str.title`: every run of letters capitalised.
    var titled: String {
        var result = ""
        var isInWord = false
        for scalar in unicodeScalars {
            result += isInWord ? scalar.properties.lowercaseMapping : scalar.properties.titlecaseMapping
            isInWord = scalar.properties.isCased
        }
        return result
    }

    var swappedCase: String {
        unicodeScalars.map { scalar in
            scalar.properties.isUppercase ? scalar.properties.lowercaseMapping : scalar.properties.uppercaseMapping
        }.joined()
    }

    /// Whether there are letters with a case, and all are of the wanted one.
    func hasCase(_ isWanted: (Unicode.Scalar.Properties) -> Bool) -> Bool {
        let cased = unicodeScalars.filter(\.properties.isCased)
        return !cased.isEmpty && cased.allSatisfy { isWanted($0.properties) }
    }
}
