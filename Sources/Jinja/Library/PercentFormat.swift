/// `format % values`, as C's printf and Python mean it.
private struct Conversion {
    var name: String?
    var isLeft = false
    var hasSign = false
    var hasSpace = false
    var isPadded = false
    var isAlternate = false
    var width = 0
    var precision: Int?
    var kind: Character = "s"
}

extension Renderer {
    func format(_ format: String, with values: Value) throws(JinjaError) -> Value {
        try budget.take(textBytes: format.utf8.count)
        var source = FormatValues(values)
        var result = ""
        var rest = Substring(format)
        while let character = rest.popFirst() {
            guard character == "%" else {
                result.append(character)
                continue
            }
            let conversion = try conversion(&rest, &source)
            guard conversion.kind != "%" else {
                result.append("%")
                continue
            }
            let value: Value
            if let name = conversion.name { value = try source.named(name) } else { value = try source.next() }
            result += try text(of: value, as: conversion)
        }
        guard source.isUsedUp else { throw .type("not all arguments converted during string formatting") }
        return try string(result)
    }

    private func conversion(
        _ rest: inout Substring,
        _ source: inout FormatValues
    ) throws(JinjaError) -> Conversion {
        var conversion = Conversion()
        if rest.first == "(" {
            guard let end = rest.firstIndex(of: ")") else { throw .value("incomplete format key") }
            conversion.name = String(rest[rest.index(after: rest.startIndex)..<end])
            rest = rest[rest.index(after: end)...]
        }
        while let flag = rest.first, "-+ 0#".contains(flag) {
            switch flag {
            case "-": conversion.isLeft = true
            case "+": conversion.hasSign = true
            case " ": conversion.hasSpace = true
            case "0": conversion.isPadded = true
            case _: conversion.isAlternate = true
            }
            rest.removeFirst()
        }
        conversion.width = try number(&rest, &source) ?? 0
        if rest.first == "." {
            rest.removeFirst()
            conversion.precision = try number(&rest, &source) ?? 0
        }
        while let length = rest.first, "hlL".contains(length) { rest.removeFirst() }
        guard let kind = rest.popFirst() else { throw .value("incomplete format") }
        conversion.kind = kind
        return conversion
    }

    private func number(_ rest: inout Substring, _ source: inout FormatValues) throws(JinjaError) -> Int? {
        if rest.first == "*" {
            rest.removeFirst()
            return try checkedWidth(try integer(try source.next(), or: 0, of: "%"))
        }
        let digits = rest.prefix { $0.isASCII && $0.isNumber }
        guard !digits.isEmpty else { return nil }
        rest = rest[digits.endIndex...]
        return try checkedWidth(Int(digits) ?? .max)
    }

    private func text(of value: Value, as conversion: Conversion) throws(JinjaError) -> String {
        try budget.take(textBytes: conversion.width)
        switch conversion.kind {
        case "s", "r", "a":
            let text = try conversion.kind == "s" ? text(of: value) : representation(of: value)
            let cut = conversion.precision.map { String(text.unicodeScalars.prefix($0)) } ?? text
            return padded("", cut, conversion, isNumber: false)
        case "c":
            if let text = value.string, text.unicodeScalars.count == 1 {
                return padded("", text, conversion, isNumber: false)
            }
            guard let code = value.integer, let scalar = UInt32(exactly: code).flatMap(Unicode.Scalar.init) else {
                throw .type("%c requires int or char")
            }
            return padded("", String(scalar), conversion, isNumber: false)
        case "d", "i", "u", "x", "X", "o": return try integerText(of: value, conversion)
        case "e", "E", "f", "F", "g", "G": return try floatText(of: value, conversion)
        case _: throw .value("unsupported format character '\(conversion.kind)'")
        }
    }

    private func integerText(of value: Value, _ conversion: Conversion) throws(JinjaError) -> String {
        if case .undefined(let undefined) = value { throw undefined.error }
        var number = value.integer
        let isDecimal = "diu".contains(conversion.kind)
        if number == nil, isDecimal, let real = value.double { number = Int(exactly: real.rounded(.towardZero)) }
        guard let number else {
            let needed = isDecimal ? "a real number" : "an integer"
            throw .type("%\(conversion.kind) format: \(needed) is required, not \(value.typeName)")
        }
        let radix = conversion.kind == "o" ? 8 : isDecimal ? 10 : 16
        var digits = String(number.magnitude, radix: radix, uppercase: conversion.kind == "X")
        let missing = (conversion.precision ?? 0) - digits.count
        if missing > 0 {
            try budget.take(textBytes: missing)
            digits = String(repeating: "0", count: missing) + digits
        }
        let prefix = conversion.isAlternate && !isDecimal ? "0\(conversion.kind)" : ""
        return padded(sign(isNegative: number < 0, conversion) + prefix, digits, conversion, isNumber: true)
    }

    private func floatText(of value: Value, _ conversion: Conversion) throws(JinjaError) -> String {
        if case .undefined(let undefined) = value { throw undefined.error }
        guard let number = value.double else { throw .type("must be real number, not \(value.typeName)") }
        let precision = conversion.precision ?? 6
        try budget.take(textBytes: precision + FloatText.exactCost)
        let magnitude = abs(number)
        let digits: String
        switch conversion.kind {
        case "f", "F": digits = FloatText.fixed(magnitude, decimals: precision)
        case "e", "E": digits = FloatText.scientific(magnitude, decimals: precision)
        case _:
            digits = FloatText.general(magnitude, significant: max(1, precision), keepsZeros: conversion.isAlternate)
        }
        let isUpper = conversion.kind.isUppercase
        let isNegative = number.sign == .minus && !number.isNaN
        return padded(
            sign(isNegative: isNegative, conversion),
            isUpper ? digits.uppercased() : digits,
            conversion,
            isNumber: number.isFinite
        )
    }

    private func sign(isNegative: Bool, _ conversion: Conversion) -> String {
        isNegative ? "-" : conversion.hasSign ? "+" : conversion.hasSpace ? " " : ""
    }

    private func padded(_ sign: String, _ text: String, _ conversion: Conversion, isNumber: Bool) -> String {
        let missing = conversion.width - sign.count - text.unicodeScalars.count
        guard missing > 0 else { return sign + text }
        if conversion.isLeft { return sign + text + String(repeating: " ", count: missing) }
        if conversion.isPadded, isNumber { return sign + String(repeating: "0", count: missing) + text }
        return String(repeating: " ", count: missing) + sign + text
    }
}

/// The values that a format takes: one, those of a tuple, or those of a dictionary by name.
private struct FormatValues {
    private let mapping: Mapping?
    private var rest: ArraySlice<Value>
    private var isNamed = false

    init(_ values: Value) {
        switch values {
        case .tuple(let list): (mapping, rest) = (nil, list.elements[...])
        case .dictionary(let mapping): (self.mapping, rest) = (mapping, [values])
        case _: (mapping, rest) = (nil, [values])
        }
    }

    mutating func next() throws(JinjaError) -> Value {
        guard let value = rest.popFirst() else { throw .type("not enough arguments for format string") }
        return value
    }

    mutating func named(_ name: String) throws(JinjaError) -> Value {
        guard let mapping else { throw .type("format requires a mapping") }
        isNamed = true
        guard let value = mapping[name] else { throw JinjaError(.value, "'\(name)'") }
        return value
    }

    /// A dictionary need not be used at all.
    var isUsedUp: Bool { rest.isEmpty || mapping != nil }
}
