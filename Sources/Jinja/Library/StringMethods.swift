/// The methods of a text, as Python's `str` has them.
extension Renderer {
    static let stringMethods: Set<String> = [
        "capitalize", "casefold", "center", "count", "endswith", "expandtabs", "find", "format", "index", "isalnum",
        "isalpha", "isascii", "isdecimal", "isdigit", "islower", "isnumeric", "isspace", "istitle", "isupper", "join",
        "ljust", "lower", "lstrip", "partition", "removeprefix", "removesuffix", "replace", "rfind", "rindex", "rjust",
        "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "swapcase", "title", "upper",
        "zfill",
    ]

    func callMethod(_ name: String, of text: String, _ arguments: CallArguments) throws(JinjaError) -> Value {
        try budget.take(textBytes: text.utf8.count)
        switch name {
        case "strip", "lstrip", "rstrip":
            let given = try bind(arguments, to: ["chars"], of: name)
            let set = try optionalText(given[0], of: name)
            return try string(text.stripped(of: set, leading: name != "rstrip", trailing: name != "lstrip"))
        case "split", "rsplit": return try split(text, fromEnd: name == "rsplit", arguments)
        case "splitlines":
            let given = try bind(arguments, to: ["keepends"], of: name)
            return try texts(text.splitLines(keepingEnds: given[0]?.isTrue ?? false))
        case "partition", "rpartition": return try partition(text, fromEnd: name == "rpartition", arguments)
        case "startswith", "endswith": return try hasAffix(name, text, arguments)
        case "removeprefix", "removesuffix": return try removeAffix(name, text, arguments)
        case "find", "rfind", "index", "rindex", "count": return try search(name, text, arguments)
        case "replace":
            let given = try bind(arguments, to: ["old", "new", "count"], of: name)
            let old = try requiredText(try required(given[0], "old", of: name), of: name)
            let new = try requiredText(try required(given[1], "new", of: name), of: name)
            let limit = try integer(given[2], or: -1, of: name)
            return .string(try replacing(old, with: new, in: text, limit: limit))
        case "join":
            let given = try bind(arguments, to: ["iterable"], of: name)
            return try join(try elements(of: try required(given[0], "iterable", of: name)), separator: text)
        case "center", "ljust", "rjust", "zfill": return try aligned(name, text, arguments)
        case "format": return try format(text, arguments)
        case "expandtabs":
            let given = try bind(arguments, to: ["tabsize"], of: name)
            let width = try checkedWidth(try integer(given[0], or: 8, of: name))
            return try expandTabs(text, width: width)
        case _:
            _ = try bind(arguments, to: [], of: name)
            return try callMethod(name, of: text)
        }
    }

    private func callMethod(_ name: String, of text: String) throws(JinjaError) -> Value {
        let scalars = text.unicodeScalars
        func all(_ isWanted: (Unicode.Scalar) -> Bool) -> Value {
            .boolean(!scalars.isEmpty && scalars.allSatisfy(isWanted))
        }
        switch name {
        case "upper": return try string(text.uppercased())
        case "lower", "casefold": return try string(text.lowered)
        case "capitalize": return try string(text.capitalized)
        case "title": return try string(text.titled)
        case "swapcase": return try string(text.swappedCase)
        case "isascii": return .boolean(scalars.allSatisfy(\.isASCII))
        case "isspace": return all(\.isPythonSpace)
        case "isalpha": return all(\.isLetter)
        case "isdecimal": return all { $0.properties.numericType == .decimal }
        case "isdigit": return all { $0.properties.numericType == .decimal || $0.properties.numericType == .digit }
        case "isnumeric": return all { $0.properties.numericType != nil }
        case "isalnum": return all { $0.isLetter || $0.properties.numericType != nil }
        case "islower": return .boolean(text.hasCase(\.isLowercase))
        case "isupper": return .boolean(text.hasCase(\.isUppercase))
        case _: return .boolean(text.hasCase { _ in true } && text.titled.hasSameBytes(as: text))
        }
    }

    private func texts(_ pieces: [String]) throws(JinjaError) -> Value {
        try budget.take(textBytes: pieces.reduce(0) { $0 + $1.utf8.count })
        return try list(pieces.map { .string($0) })
    }

    // MARK: - Cutting

    private func split(_ text: String, fromEnd: Bool, _ arguments: CallArguments) throws(JinjaError) -> Value {
        let given = try bind(arguments, to: ["sep", "maxsplit"], of: "split")
        let limit = try integer(given[1], or: -1, of: "split")
        let most = limit < 0 ? Int.max : limit
        guard let separator = try optionalText(given[0], of: "split") else {
            return try texts(Self.words(of: text, limit: most, fromEnd: fromEnd))
        }
        guard !separator.isEmpty else { throw .value("empty separator") }
        guard fromEnd, most < Int.max else { return try texts(text.pieces(separatedBy: separator, limit: most)) }
        return try texts(Self.piecesFromEnd(of: text, separator, limit: most))
    }

    /// Cut at the last `limit` occurrences, found from the end.
    private static func piecesFromEnd(of text: String, _ separator: String, limit: Int) -> [String] {
        // Occurrences may overlap, so searching from the end is searching the reversed text.
        let reversed = { (text: String) in String(text.unicodeScalars.reversed()) }
        return reversed(text).pieces(separatedBy: reversed(separator), limit: limit).reversed().map(reversed)
    }

    /// Runs of what is not white space; the last one reaches to the end of the text once `limit` cuts were made.
    private static func words(of text: String, limit: Int, fromEnd: Bool) -> [String] {
        if fromEnd {
            let reversed = { (text: String) in String(text.unicodeScalars.reversed()) }
            return words(of: reversed(text), limit: limit, fromEnd: false).reversed().map(reversed)
        }
        var words: [String] = []
        var rest = Substring(text).unicodeScalars.drop(while: \.isPythonSpace)
        while !rest.isEmpty {
            guard words.count < limit else {
                words.append(String(rest))
                break
            }
            let word = rest.prefix { !$0.isPythonSpace }
            words.append(String(word))
            rest = rest[word.endIndex...].drop(while: \.isPythonSpace)
        }
        return words
    }

    private func partition(_ text: String, fromEnd: Bool, _ arguments: CallArguments) throws(JinjaError) -> Value {
        let given = try bind(arguments, to: ["sep"], of: "partition")
        let separator = try requiredText(try required(given[0], "sep", of: "partition"), of: "partition")
        guard !separator.isEmpty else { throw .value("empty separator") }
        let pieces =
            fromEnd
            ? Self.piecesFromEnd(of: text, separator, limit: 1) : text.pieces(separatedBy: separator, limit: 1)
        try budget.take(textBytes: text.utf8.count)
        let parts =
            pieces.count == 2 ? [pieces[0], separator, pieces[1]] : fromEnd ? ["", "", text] : [text, "", ""]
        return .tuple(try counted(parts.map { .string($0) }))
    }

    // MARK: - Ends

    private func hasAffix(_ name: String, _ text: String, _ arguments: CallArguments) throws(JinjaError) -> Value {
        let given = try bind(arguments, to: ["affix", "start", "end"], of: name)
        let affix = try required(given[0], "affix", of: name)
        let part = try cut(text, given[1], given[2], of: name)
        let candidates: [Value] = if case .tuple(let list) = affix { list.elements } else { [affix] }
        for candidate in candidates {
            let candidate = try requiredText(candidate, of: name)
            let fits =
                name == "startswith"
                ? part.utf8.starts(with: candidate.utf8) : part.utf8.reversed().starts(with: candidate.utf8.reversed())
            if fits { return .boolean(true) }
        }
        return .boolean(false)
    }

    /// The part of a text between two optional positions.
    private func cut(_ text: String, _ from: Value?, _ to: Value?, of name: String) throws(JinjaError) -> String {
        guard from != nil || to != nil else { return text }
        let start = try integer(from, or: 0, of: name)
        let end = try to.map { value throws(JinjaError) in try integer(value, or: 0, of: name) }
        return try slice(.string(text), from: start, to: end, step: 1).string ?? ""
    }

    private func removeAffix(_ name: String, _ text: String, _ arguments: CallArguments) throws(JinjaError) -> Value {
        let given = try bind(arguments, to: ["affix"], of: name)
        let affix = try requiredText(try required(given[0], "affix", of: name), of: name)
        let (bytes, ending) = (Array(text.utf8), Array(affix.utf8))
        if name == "removeprefix", bytes.starts(with: ending) {
            return try string(String(decoding: bytes.dropFirst(ending.count), as: UTF8.self))
        }
        if name == "removesuffix", bytes.reversed().starts(with: ending.reversed()) {
            return try string(String(decoding: bytes.dropLast(ending.count), as: UTF8.self))
        }
        return .string(text)
    }

    // MARK: - Searching

    private func search(_ name: String, _ text: String, _ arguments: CallArguments) throws(JinjaError) -> Value {
        let given = try bind(arguments, to: ["sub", "start", "end"], of: name)
        let needle = try requiredText(try required(given[0], "sub", of: name), of: name)
        let part = try cut(text, given[1], given[2], of: name)
        let length = part.unicodeScalars.count
        if name == "count" {
            return .integer(needle.isEmpty ? length + 1 : part.byteOffsets(of: needle).count)
        }
        // The positions are of the whole text.
        let count = text.unicodeScalars.count
        let start = try integer(given[1], or: 0, of: name)
        let base = start < 0 ? max(0, start + count) : min(start, count)
        let isFromEnd = name.hasPrefix("r")
        let found: Int?
        if needle.isEmpty {
            found = isFromEnd ? length : 0
        } else {
            let (haystack, needle) =
                isFromEnd
                ? (String(part.unicodeScalars.reversed()), String(needle.unicodeScalars.reversed())) : (part, needle)
            let offset = haystack.byteOffsets(of: needle, limit: 1).first.map { offset in
                String(decoding: Array(haystack.utf8)[..<offset], as: UTF8.self).unicodeScalars.count
            }
            found = offset.map { isFromEnd ? length - $0 - needle.unicodeScalars.count : $0 }
        }
        if let found { return .integer(base + found) }
        guard name.hasSuffix("find") else { throw .value("substring not found") }
        return .integer(-1)
    }

    // MARK: - Joining and aligning

    private func join(_ elements: [Value], separator: String) throws(JinjaError) -> Value {
        var result = ""
        for (index, element) in elements.enumerated() {
            guard let piece = element.string else {
                throw .type("sequence item \(index): expected str instance, \(element.typeName) found")
            }
            try budget.take(textBytes: separator.utf8.count + piece.utf8.count)
            if index > 0 { result += separator }
            result += piece
        }
        return .string(result)
    }

    private func aligned(_ name: String, _ text: String, _ arguments: CallArguments) throws(JinjaError) -> Value {
        let given = try bind(arguments, to: name == "zfill" ? ["width"] : ["width", "fillchar"], of: name)
        let width = try checkedWidth(try integer(try required(given[0], "width", of: name), or: 0, of: name))
        let filler = given.count > 1 ? try optionalText(given[1], of: name) ?? " " : "0"
        guard filler.unicodeScalars.count == 1, let scalar = filler.unicodeScalars.first else {
            throw .type("The fill character must be exactly one character long")
        }
        let fill = String(repeating: filler, count: max(0, width - text.unicodeScalars.count))
        switch name {
        case "center": return try string(text.centered(in: width, filler: scalar))
        case "ljust": return try string(text + fill)
        case "rjust": return try string(fill + text)
        case _:
            let hasSign = text.hasPrefix("-") || text.hasPrefix("+")
            return try string(hasSign ? text.prefix(1) + fill + text.dropFirst() : fill + text)
        }
    }

    private func expandTabs(_ text: String, width: Int) throws(JinjaError) -> Value {
        var result = ""
        var column = 0
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\t":
                let spaces = width > 0 ? width - column % width : 0
                try budget.take(textBytes: spaces)
                result += String(repeating: " ", count: spaces)
                column += spaces
            case "\n", "\r":
                result.unicodeScalars.append(scalar)
                column = 0
            case _:
                result.unicodeScalars.append(scalar)
                column += 1
            }
        }
        return try string(result)
    }
}

extension Unicode.Scalar {
    fileprivate var isLetter: Bool {
        switch properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
        case _: false
        }
    }
}
