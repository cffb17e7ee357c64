extension Renderer {
    func filterText(_ name: String, _ value: Value, _ arguments: CallArguments) throws(JinjaError) -> Value {
        switch name {
        case "indent": return try indented(value, arguments)
        case "truncate": return try truncated(value, arguments)
        case "format": return try formatted(value, arguments)
        case _: break
        }
        let text = try text(of: value)
        try budget.take(textBytes: text.utf8.count)
        switch name {
        case "trim":
            let given = try bind(arguments, to: ["chars"], of: name)
            return try string(text.stripped(of: try optionalText(given[0], of: name)))
        case "replace": return try replaced(text, arguments)
        case "center":
            let given = try bind(arguments, to: ["width"], of: name)
            return try string(text.centered(in: try checkedWidth(try integer(given[0], or: 80, of: name))))
        case _:
            _ = try bind(arguments, to: [], of: name)
            return try filterText(name, text)
        }
    }

    private func filterText(_ name: String, _ text: String) throws(JinjaError) -> Value {
        switch name {
        case "upper": return try string(text.uppercased())
        case "lower": return try string(text.lowered)
        case "capitalize": return try string(text.capitalized)
        case "title": return try string(Self.titled(text))
        case "wordcount":
            return .integer(text.unicodeScalars.split { !($0.properties.isAlphabetic || $0.isWordMark) }.count)
        case "urlencode": return try string(Self.urlEncoded(text))
        case _: return try string(Self.escaped(text))
        }
    }

    /// Words begin behind white space, hyphens and opening brackets: the filter's own rule, not `str.title`'s.
    private static func titled(_ text: String) -> String {
        var result = ""
        var startsWord = true
        for scalar in text.unicodeScalars {
            let separates = scalar.isPythonSpace || "-({[<".unicodeScalars.contains(scalar)
            result += startsWord ? scalar.properties.uppercaseMapping : scalar.properties.lowercaseMapping
            startsWord = separates
        }
        return result
    }

    private static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&#34;"
            case "'": result += "&#39;"
            case _: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static func urlEncoded(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            case UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "~"), UInt8(ascii: "/"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            case _: result += "%" + hexadecimal(UInt32(byte), width: 2).uppercased()
            }
        }
        return result
    }

    private func replaced(_ text: String, _ arguments: CallArguments) throws(JinjaError) -> Value {
        let given = try bind(arguments, to: ["old", "new", "count"], of: "replace")
        let old = try self.text(of: try required(given[0], "old", of: "replace"))
        let new = try self.text(of: try required(given[1], "new", of: "replace"))
        let count: Int
        switch given[2] {
        case nil, .some(.none): count = -1
        case .some(let value): count = try integer(value, or: -1, of: "replace")
        }
        return .string(try replacing(old, with: new, in: text, limit: count))
    }

    /// Python's `str.replace`: an empty text is found between all characters.
    func replacing(_ old: String, with new: String, in text: String, limit: Int) throws(JinjaError) -> String {
        let limit = limit < 0 ? Int.max : limit
        let pieces: [String]
        if old.isEmpty {
            try budget.take(elements: text.unicodeScalars.count)
            let scalars = text.scalars
            let split = Swift.min(limit, scalars.count + 1)
            guard split > 0 else { return text }
            pieces = [""] + scalars.prefix(split - 1).map { String($0) } + [String(scalars.dropFirst(split - 1))]
        } else {
            pieces = text.pieces(separatedBy: old, limit: limit)
        }
        let (added, overflows) = new.utf8.count.multipliedReportingOverflow(by: pieces.count)
        try budget.take(textBytes: overflows ? .max : added)
        try budget.take(textBytes: text.utf8.count)
        return pieces.joined(separator: new)
    }

    private func indented(_ value: Value, _ arguments: CallArguments) throws(JinjaError) -> Value {
        let given = try bind(arguments, to: ["width", "first", "blank"], of: "indent")
        let indentation: String
        if let text = given[0]?.string {
            indentation = text
        } else {
            let width = try checkedWidth(try integer(given[0], or: 4, of: "indent"))
            indentation = String(repeating: " ", count: width)
        }
        let text = try requiredText(value, of: "indent")
        try budget.take(textBytes: text.utf8.count)
        let lines = (text + "\n").splitLines()
        let indentsBlank = given[2]?.isTrue ?? false
        var result = given[1]?.isTrue ?? false ? indentation : ""
        for (index, line) in lines.enumerated() {
            let isIndented = index > 0 && (indentsBlank || !line.isEmpty)
            try budget.take(textBytes: indentation.utf8.count + line.utf8.count + 1)
            result += (index > 0 ? "\n" : "") + (isIndented ? indentation : "") + line
        }
        return .string(result)
    }

    private func truncated(_ value: Value, _ arguments: CallArguments) throws(JinjaError) -> Value {
        let given = try bind(arguments, to: ["length", "killwords", "end", "leeway"], of: "truncate")
        let length = try integer(given[0], or: 255, of: "truncate")
        let leeway = try integer(given[3], or: 5, of: "truncate")
        let end = try optionalText(given[2], of: "truncate") ?? "..."
        let text = try requiredText(value, of: "truncate")
        try budget.take(textBytes: text.utf8.count)
        let scalars = text.scalars
        let ending = end.unicodeScalars.count
        guard length >= ending, leeway >= 0 else { throw .value("expected length >= \(ending), got \(length)") }
        if scalars.count <= length || scalars.count - length <= leeway { return value }
        var kept = scalars[..<(length - ending)]
        if given[1]?.isTrue != true, let space = kept.lastIndex(of: " ") { kept = kept[..<space] }
        return try string(String(kept) + end)
    }

    private func formatted(_ value: Value, _ arguments: CallArguments) throws(JinjaError) -> Value {
        guard arguments.positional.isEmpty || arguments.keywords.isEmpty else {
            throw .value("can't handle positional and keyword arguments at the same time")
        }
        let format = try text(of: value)
        guard arguments.keywords.isEmpty else {
            let mapping = Mapping(arguments.keywords.map { (key: $0.name, value: $0.value) })
            return try self.format(format, with: .dictionary(mapping))
        }
        return try self.format(format, with: .tuple(try counted(arguments.positional)))
    }
}

extension Unicode.Scalar {
    fileprivate var isWordMark: Bool { self == "_" || properties.numericType != nil }
}

extension String {
    /// In the middle of `width` characters, as Python's `str.center` places it.
    func centered(in width: Int, filler: Unicode.Scalar = " ") -> String {
        let padding = width - unicodeScalars.count
        guard padding > 0 else { return self }
        let left = padding / 2 + (padding & width & 1)
        let fill = { String(repeating: String(filler), count: $0) }
        return fill(left) + self + fill(padding - left)
    }
}
