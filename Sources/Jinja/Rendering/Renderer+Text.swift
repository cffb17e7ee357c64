/// Values as text: Python's `str`, `repr` and `json.dumps`.
extension Renderer {
    /// `str(value)`, which is what a template prints.
    func text(of value: Value) throws(JinjaError) -> String {
        if case .string(let text) = value { return text }
        if case .undefined = value { return "" }
        return try representation(of: value)
    }

    /// `repr(value)`
    func representation(of value: Value) throws(JinjaError) -> String {
        var result = ""
        try appendRepresentation(of: value, to: &result)
        return result
    }

    private func append(_ text: String, to result: inout String) throws(JinjaError) {
        try budget.take(textBytes: text.utf8.count)
        result += text
    }

    private func appendRepresentation(of value: Value, to result: inout String) throws(JinjaError) {
        try budget.takeStep()
        switch value {
        case .undefined: try append("Undefined", to: &result)
        case .none: try append("None", to: &result)
        case .boolean(let flag): try append(flag ? "True" : "False", to: &result)
        case .integer(let number): try append(String(number), to: &result)
        case .float(let number): try append(FloatText.shortest(number), to: &result)
        case .string(let text): try append(Self.quoted(text), to: &result)
        case .list(let list): try append(list.elements, between: ("[", "]"), to: &result)
        case .tuple(let list):
            try append(list.elements, between: ("(", list.elements.count == 1 ? ",)" : ")"), to: &result)
        case .dictionary(let mapping): try append(mapping, between: ("{", "}"), to: &result)
        case .view(let view): try append(view, to: &result)
        case .namespace: try append("<Namespace>", to: &result)
        case .loop(let loop): try append("<LoopContext \(loop.index + 1)/\(try count(of: loop))>", to: &result)
        case .generator(let generator): try append("<\(generator.typeName) object>", to: &result)
        case .callable(.macro(let macro)): try append("<Macro '\(macro.definition.name)'>", to: &result)
        case .callable(let callable): try append("<\(callable.typeName)>", to: &result)
        }
    }

    private func append(
        _ elements: [Value],
        between marks: (String, String),
        to result: inout String
    ) throws(JinjaError) {
        try append(marks.0, to: &result)
        for (index, element) in elements.enumerated() {
            if index > 0 { try append(", ", to: &result) }
            try appendRepresentation(of: element, to: &result)
        }
        try append(marks.1, to: &result)
    }

    private func append(
        _ mapping: Mapping,
        between marks: (String, String),
        to result: inout String
    ) throws(JinjaError) {
        try append(marks.0, to: &result)
        for (index, pair) in mapping.pairs.enumerated() {
            if index > 0 { try append(", ", to: &result) }
            try appendRepresentation(of: pair.key, to: &result)
            try append(": ", to: &result)
            try appendRepresentation(of: pair.value, to: &result)
        }
        try append(marks.1, to: &result)
    }

    private func append(_ view: View, to result: inout String) throws(JinjaError) {
        guard view.kind == .range else {
            return try append(view.list.elements, between: (view.kind.rawValue + "([", "])"), to: &result)
        }
        let numbers = view.list.elements.compactMap(\.integer)
        let (first, last) = (numbers.first ?? 0, numbers.last ?? -1)
        let step = numbers.count > 1 ? numbers[1] - first : 1
        let end = view.end ?? (numbers.isEmpty ? 0 : last + (step > 0 ? 1 : -1))
        try append(step == 1 ? "range(\(first), \(end))" : "range(\(first), \(end), \(step))", to: &result)
    }

    /// A text with quotes, as Python's `repr` writes it.
    private static func quoted(_ text: String) -> String {
        let scalars = text.unicodeScalars
        let quote: Unicode.Scalar = scalars.contains("'") && !scalars.contains("\"") ? "\"" : "'"
        var result = String(quote)
        for scalar in scalars {
            switch scalar {
            case quote, "\\": result += "\\" + String(scalar)
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.isPrintable: result.unicodeScalars.append(scalar)
            case _:
                let value = scalar.value
                let (mark, width) = value < 0x100 ? ("x", 2) : value < 0x10000 ? ("u", 4) : ("U", 8)
                result += "\\\(mark)\(hexadecimal(value, width: width))"
            }
        }
        return result + String(quote)
    }

    static func hexadecimal(_ value: UInt32, width: Int) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
