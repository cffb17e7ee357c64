/// `json.dumps` as transformers' `tojson` calls it: nothing escaped for HTML, keys in their order.
struct JSONText {
    var escapesNonASCII = false
    /// What a level is indented by; nil writes everything on one line.
    var indentation: String?
    var itemSeparator = ", "
    var keySeparator = ": "
    var sortsKeys = false
}

extension Renderer {
    func tojson(_ value: Value, _ arguments: CallArguments) throws(JinjaError) -> Value {
        let given = try bind(arguments, to: ["ensure_ascii", "indent", "separators", "sort_keys"], of: "tojson")
        var format = JSONText()
        format.escapesNonASCII = given[0]?.isTrue ?? false
        format.sortsKeys = given[3]?.isTrue ?? false
        switch given[1] {
        case nil, .some(.none): break
        case .some(.string(let text)): format.indentation = text
        case .some(let width):
            guard let width = width.integer else { throw .type("indent must be an integer or a string") }
            format.indentation = String(repeating: " ", count: try checkedWidth(width))
        }
        if format.indentation != nil { format.itemSeparator = "," }
        if let separators = given[2], separators.isTrue {
            let pair = try elements(of: separators)
            guard pair.count == 2, let item = pair[0].string, let key = pair[1].string else {
                throw .value("separators must be two strings")
            }
            (format.itemSeparator, format.keySeparator) = (item, key)
        }
        var result = ""
        try append(value, as: format, level: 0, to: &result)
        return .string(result)
    }

    private func append(_ text: String, to result: inout String) throws(JinjaError) {
        try budget.take(textBytes: text.utf8.count)
        result += text
    }

    private func append(
        _ value: Value,
        as format: JSONText,
        level: Int,
        to result: inout String
    ) throws(JinjaError) {
        try budget.takeStep()
        switch value {
        case .none: try append("null", to: &result)
        case .boolean(let flag): try append(flag ? "true" : "false", to: &result)
        case .integer(let number): try append(String(number), to: &result)
        case .float(let number): try append(Self.json(number), to: &result)
        case .string(let text): try append(Self.json(text, format), to: &result)
        case .list(let list), .tuple(let list):
            try append(count: list.elements.count, between: ("[", "]"), format, level, &result) {
                index,
                result throws(JinjaError) in
                try append(list.elements[index], as: format, level: level + 1, to: &result)
            }
        case .dictionary(let mapping):
            var members: [(key: String, value: Value)] = []
            for pair in mapping.pairs { members.append((key: try Self.jsonKey(pair.key), value: pair.value)) }
            if format.sortsKeys { members.sort { $0.key.precedes($1.key) } }
            try append(count: members.count, between: ("{", "}"), format, level, &result) {
                index,
                result throws(JinjaError) in
                try append(Self.json(members[index].key, format) + format.keySeparator, to: &result)
                try append(members[index].value, as: format, level: level + 1, to: &result)
            }
        case .undefined, .view, .generator, .namespace, .loop, .callable:
            throw .type("Object of type \(value.typeName) is not JSON serializable")
        }
    }

    private func append(
        count: Int,
        between marks: (String, String),
        _ format: JSONText,
        _ level: Int,
        _ result: inout String,
        _ element: (Int, inout String) throws(JinjaError) -> Void
    ) throws(JinjaError) {
        try append(marks.0, to: &result)
        if count > 0 {
            let line = format.indentation.map { "\n" + String(repeating: $0, count: level + 1) } ?? ""
            for index in 0..<count {
                try append((index > 0 ? format.itemSeparator : "") + line, to: &result)
                try element(index, &result)
            }
            let end = format.indentation.map { "\n" + String(repeating: $0, count: level) } ?? ""
            try append(end, to: &result)
        }
        try append(marks.1, to: &result)
    }

    private static func json(_ number: Double) -> String {
        if number.isNaN { return "NaN" }
        if number.isInfinite { return number < 0 ? "-Infinity" : "Infinity" }
        return FloatText.shortest(number)
    }

    private static func jsonKey(_ key: Value) throws(JinjaError) -> String {
        switch key {
        case .string(let text): return text
        case .none: return "null"
        case .boolean(let flag): return flag ? "true" : "false"
        case .integer(let number): return String(number)
        case .float(let number): return json(number)
        case _: throw .type("keys must be str, int, float, bool or None, not \(key.typeName)")
        }
    }

    private static func json(_ text: String, _ format: JSONText) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\u{8}": result += "\\b"
            case "\u{C}": result += "\\f"
            case "\u{0}"..."\u{1F}": result += "\\u" + hexadecimal(scalar.value, width: 4)
            case _ where format.escapesNonASCII && !scalar.isASCII || format.escapesNonASCII && scalar == "\u{7F}":
                for unit in String(scalar).utf16 { result += "\\u" + hexadecimal(UInt32(unit), width: 4) }
            case _: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
