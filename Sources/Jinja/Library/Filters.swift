/// What stands behind `|`; filters of lists and of texts have files of their own.
extension Renderer {
    private static let listFilters: Set<String> = [
        "batch", "dictsort", "first", "groupby", "items", "join", "last", "list", "map", "max", "min", "reject",
        "rejectattr", "reverse", "select", "selectattr", "slice", "sort", "sum", "unique",
    ]

    private static let textFilters: Set<String> = [
        "capitalize", "center", "e", "escape", "forceescape", "format", "indent", "lower", "replace", "title", "trim",
        "truncate", "upper", "urlencode", "wordcount",
    ]

    private static let otherFilters: Set<String> = [
        "abs", "attr", "count", "d", "default", "float", "int", "length", "round", "safe", "string", "tojson",
    ]

    static let filters = listFilters.union(textFilters).union(otherFilters)

    /// - Throws: `unsupported` for a filter that is not known.
    func filter(_ name: String, _ value: Value, _ arguments: CallArguments) throws(JinjaError) -> Value {
        if Self.listFilters.contains(name) { return try filterList(name, value, arguments) }
        if Self.textFilters.contains(name) { return try filterText(name, value, arguments) }
        switch name {
        case "default", "d": return try defaulted(value, arguments)
        case "attr":
            let given = try bind(arguments, to: ["name"], of: name)
            return try attribute(named: try required(given[0], "name", of: name), of: value)
        case "int": return try toInteger(value, arguments)
        case "float": return try toFloat(value, arguments)
        case "round": return try rounded(value, arguments)
        case "tojson": return try tojson(value, arguments)
        case "abs", "count", "length", "safe", "string":
            _ = try bind(arguments, to: [], of: name)
            return try filter(name, value)
        case _: throw .unsupported("No filter named '\(name)'.")
        }
    }

    private func filter(_ name: String, _ value: Value) throws(JinjaError) -> Value {
        switch name {
        case "abs":
            if case .undefined(let undefined) = value { throw undefined.error }
            if case .float(let number) = value { return .float(abs(number)) }
            guard let number = value.integer else { throw .type("bad operand type for abs(): '\(value.typeName)'") }
            return number < 0 ? try negative(value) : .integer(number)
        case "length", "count": return .integer(try length(of: value))
        // Nothing is escaped here, so what is safe stays as it is.
        case _: return .string(try text(of: value))
        }
    }

    /// Python's `len`.
    func length(of value: Value) throws(JinjaError) -> Int {
        switch value {
        case .undefined: return 0
        case .string(let text):
            try budget.take(textBytes: text.utf8.count)
            return text.unicodeScalars.count
        case .list(let list), .tuple(let list): return list.elements.count
        case .dictionary(let mapping): return mapping.count
        case .view(let view): return view.list.elements.count
        case .loop(let loop): return try count(of: loop)
        case .none, .boolean, .integer, .float, .generator, .namespace, .callable:
            throw .type("object of type '\(value.typeName)' has no len()")
        }
    }

    private func defaulted(_ value: Value, _ arguments: CallArguments) throws(JinjaError) -> Value {
        let given = try bind(arguments, to: ["default_value", "boolean"], of: "default")
        let isMissing = if case .undefined = value { true } else { given[1]?.isTrue == true && !value.isTrue }
        return isMissing ? given[0] ?? .string("") : value
    }

    /// Only attributes and methods, never elements.
    private func attribute(named name: Value, of value: Value) throws(JinjaError) -> Value {
        guard let name = name.string else { throw .type("attribute name must be string, not '\(name.typeName)'") }
        if case .dictionary = value { return try attribute(name, of: .dictionary(Mapping())) }
        return try attribute(name, of: value)
    }

    // MARK: - Numbers

    private func toInteger(_ value: Value, _ arguments: CallArguments) throws(JinjaError) -> Value {
        let given = try bind(arguments, to: ["default", "base"], of: "int")
        let radix = try integer(given[1], or: 10, of: "int")
        if case .undefined(let undefined) = value { throw undefined.error }
        if let number = value.integer { return .integer(number) }
        let number: Double?
        switch value {
        case .float(let value): number = value
        case .string(let text):
            if let whole = Self.integer(from: text, radix: radix) { return .integer(whole) }
            number = Self.double(from: text)
        case _: number = nil
        }
        guard let number, number.isFinite else { return given[0] ?? .integer(0) }
        guard let whole = Int(exactly: number.rounded(.towardZero)) else { throw .integerOverflow }
        return .integer(whole)
    }

    private func toFloat(_ value: Value, _ arguments: CallArguments) throws(JinjaError) -> Value {
        let given = try bind(arguments, to: ["default"], of: "float")
        if case .undefined(let undefined) = value { throw undefined.error }
        let number = value.double ?? value.string.flatMap(Self.double(from:))
        return number.map { .float($0) } ?? given[0] ?? .float(0)
    }

    /// Python's `int(text, radix)`; nil where that fails.
    static func integer(from text: String, radix: Int) -> Int? {
        var digits = text.stripped(of: nil)
        let isNegative = digits.hasPrefix("-")
        if isNegative || digits.hasPrefix("+") { digits.removeFirst() }
        for (prefix, base) in [("0x", 16), ("0o", 8), ("0b", 2)] where radix == base || radix == 0 {
            if digits.lowercased().hasPrefix(prefix) {
                return Int((isNegative ? "-" : "") + digits.dropFirst(2), radix: base)
            }
        }
        guard let first = digits.utf8.first, first != UInt8(ascii: "+"), first != UInt8(ascii: "-"),
            first != UInt8(ascii: "_"),
            digits.utf8.last != UInt8(ascii: "_"), !digits.contains("__"), (0...36).contains(radix), radix != 1
        else { return nil }
        digits.removeAll { $0 == "_" }
        return Int((isNegative ? "-" : "") + digits, radix: radix == 0 ? 10 : radix)
    }

    /// Python's `float(text)`; nil where that fails.
    private static func double(from text: String) -> Double? {
        let text = text.stripped(of: nil)
        // Swift reads hexadecimal numbers and payloads of NaN, which Python does not.
        guard text.utf8.allSatisfy({ $0 != UInt8(ascii: "x") && $0 != UInt8(ascii: "X") && $0 != UInt8(ascii: "(") })
        else { return nil }
        return Double(text)
    }

    private func rounded(_ value: Value, _ arguments: CallArguments) throws(JinjaError) -> Value {
        let given = try bind(arguments, to: ["precision", "method"], of: "round")
        let method = try given[1].map { value throws(JinjaError) in try text(of: value) } ?? "common"
        guard ["common", "ceil", "floor"].contains(method) else {
            throw .value("method must be common, ceil or floor")
        }
        let precision = try integer(given[0], or: 0, of: "round")
        guard abs(precision.clamped) <= 300 else { throw .tooLarge("a precision of \(precision) is asked for") }
        if case .undefined(let undefined) = value { throw undefined.error }
        if let number = value.integer, method == "common", precision >= 0 { return .integer(number) }
        guard let number = value.double else { throw .type("type \(value.typeName) doesn't define __round__ method") }
        let scale = try powerOfTen(precision)
        switch method {
        case "ceil": return .float((number * scale).rounded(.up) / scale)
        case "floor": return .float((number * scale).rounded(.down) / scale)
        case _ where precision < 0:
            let result = (number * scale).rounded(.toNearestOrEven) / scale
            if case .float = value { return .float(result) }
            guard let whole = Int(exactly: result) else { throw .integerOverflow }
            return .integer(whole)
        case _:
            try budget.take(textBytes: FloatText.exactCost)
            return .float(Double(FloatText.fixed(number, decimals: precision)) ?? number)
        }
    }

    private func powerOfTen(_ exponent: Int) throws(JinjaError) -> Double {
        guard case .float(let scale) = try compute(.power, .float(10), .integer(exponent)) else { return 1 }
        return scale
    }
}

extension Int {
    /// Without the one value whose magnitude is no integer.
    fileprivate var clamped: Int { Swift.max(self, -Int.max) }
}
