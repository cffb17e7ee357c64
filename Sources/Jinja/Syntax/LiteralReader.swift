/// Reads one name, number, string or symbol inside a tag.
struct LiteralReader {
    private let source: [Unicode.Scalar]
    private(set) var position: Int
    private let line: Int

    init(source: [Unicode.Scalar], position: Int, line: Int) {
        self.source = source
        self.position = position
        self.line = line
    }

    /// What stands at the position; nil where nothing of the language begins.
    mutating func next() throws(JinjaError) -> Token.Kind? {
        let first = source[position]
        if first.isDigit { return try number() }
        if first == "_" || first.properties.isXIDStart { return .name(name()) }
        if first == "'" || first == "\"" { return .string(try string(quote: first)) }
        return symbol()
    }

    private func scalar(at index: Int) -> Unicode.Scalar? { index < source.count ? source[index] : nil }

    private mutating func name() -> String {
        let start = position
        while let next = scalar(at: position), next == "_" || next.properties.isXIDContinue { position += 1 }
        return String(source[start..<position])
    }

    private mutating func symbol() -> Token.Kind? {
        for symbol in Token.Symbol.allCases {
            let scalars = symbol.rawValue.unicodeScalars
            guard position + scalars.count <= source.count else { continue }
            if source[position..<position + scalars.count].elementsEqual(scalars) {
                position += scalars.count
                return .symbol(symbol)
            }
        }
        return nil
    }
}

// MARK: - Numbers

extension LiteralReader {
    private mutating func number() throws(JinjaError) -> Token.Kind {
        let start = position
        // No number follows a point: `x.1.5` are two subscripts.
        if start == 0 || source[start - 1] != ".", let end = endOfFloat(from: start) {
            position = end
            return .float(Double(digits(start..<end)) ?? .infinity)
        }
        let (radix, digitsStart): (Int, Int) =
            switch (source[start], scalar(at: start + 1)) {
            case ("0", "x"), ("0", "X"): (16, start + 2)
            case ("0", "o"), ("0", "O"): (8, start + 2)
            case ("0", "b"), ("0", "B"): (2, start + 2)
            case _: (10, start)
            }
        let end = endOfDigits(from: digitsStart, allowsLeadingUnderscore: radix != 10) { scalar in
            // A decimal that begins with zero is nothing but zeros.
            radix == 10 && source[start] == "0" ? scalar == "0" : scalar.digitValue.map { $0 < radix } ?? false
        }
        guard end > digitsStart else {
            position = start + 1
            return .integer(0)
        }
        position = end
        guard let value = Int(digits(digitsStart..<end), radix: radix) else {
            var error = JinjaError.integerOverflow
            error.line = line
            throw error
        }
        return .integer(value)
    }

    private func digits(_ range: Range<Int>) -> String { String(source[range].filter { $0 != "_" }) }

    /// Digits with single underscores between them.
    private func endOfDigits(
        from start: Int,
        allowsLeadingUnderscore: Bool = false,
        _ isDigit: (Unicode.Scalar) -> Bool
    ) -> Int {
        var index = start
        while let next = scalar(at: index) {
            if isDigit(next) {
                index += 1
            } else if next == "_", index > start || allowsLeadingUnderscore, scalar(at: index + 1).map(isDigit) == true
            {
                index += 2
            } else {
                break
            }
        }
        return index
    }

    /// Digits with a fraction, an exponent or both; nil where neither follows.
    private func endOfFloat(from start: Int) -> Int? {
        let whole = endOfDigits(from: start, \.isDigit)
        var end = whole
        if scalar(at: end) == ".", scalar(at: end + 1)?.isDigit == true {
            end = endOfDigits(from: end + 1, \.isDigit)
        }
        if let mark = scalar(at: end), mark == "e" || mark == "E" {
            let sign = scalar(at: end + 1)
            let digits = sign == "+" || sign == "-" ? end + 2 : end + 1
            if scalar(at: digits)?.isDigit == true { end = endOfDigits(from: digits, \.isDigit) }
        }
        return end > whole ? end : nil
    }
}

// MARK: - Strings

extension LiteralReader {
    private func failure(_ message: String) -> JinjaError { JinjaError(.syntax, message, line: line) }

    private mutating func string(quote: Unicode.Scalar) throws(JinjaError) -> String {
        let start = position
        var text = String.UnicodeScalarView()
        position += 1
        while let next = scalar(at: position) {
            position += 1
            if next == quote { return String(text) }
            if next == "\\" { try escape(into: &text) } else { text.append(next) }
        }
        throw failure("unexpected char '\(source[start])' at \(start)")
    }

    /// What Python's `unicode-escape` makes of what follows a backslash.
    private mutating func escape(into text: inout String.UnicodeScalarView) throws(JinjaError) {
        guard let mark = scalar(at: position) else { return }
        position += 1
        switch mark {
        case "\n": break
        case "\\", "'", "\"": text.append(mark)
        case "a": text.append("\u{7}")
        case "b": text.append("\u{8}")
        case "f": text.append("\u{C}")
        case "n": text.append("\n")
        case "r": text.append("\r")
        case "t": text.append("\t")
        case "v": text.append("\u{B}")
        case "x": text.append(try hexadecimal(digits: 2))
        case "u": text.append(try hexadecimal(digits: 4))
        case "U": text.append(try hexadecimal(digits: 8))
        case "N": throw failure("\\N{…} is not known here: write the character, or its \\u number")
        case "0"..."7": text.append(octal(first: mark))
        case _:
            text.append("\\")
            text.append(mark)
        }
    }

    private mutating func hexadecimal(digits count: Int) throws(JinjaError) -> Unicode.Scalar {
        let end = position + count
        guard end <= source.count, let value = UInt32(String(source[position..<end]), radix: 16),
            source[position..<end].allSatisfy({ $0.digitValue != nil }), let scalar = Unicode.Scalar(value)
        else { throw failure("an escape needs \(count) hexadecimal digits of a character") }
        position = end
        return scalar
    }

    private mutating func octal(first: Unicode.Scalar) -> Unicode.Scalar {
        var value = first.value - 0x30
        for _ in 0..<2 {
            guard let next = scalar(at: position), ("0"..."7").contains(next) else { break }
            value = value * 8 + next.value - 0x30
            position += 1
        }
        // At most 0o777, which is no surrogate.
        return Unicode.Scalar(value) ?? "\u{FFFD}"
    }
}

extension Unicode.Scalar {
    fileprivate var isDigit: Bool { ("0"..."9").contains(self) }

    /// The value of a hexadecimal digit.
    fileprivate var digitValue: Int? {
        switch self {
        case "0"..."9": Int(value) - 0x30
        case "a"..."f": Int(value) - 0x61 + 10
        case "A"..."F": Int(value) - 0x41 + 10
        case _: nil
        }
    }
}
