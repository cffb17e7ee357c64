/// Cuts the source into tokens, as jinja2 does with `trim_blocks` and `lstrip_blocks`, which is how transformers sets it:
/// the line end behind a block goes, and so does white space in front of a block that begins its line.
struct Lexer {
    private let source: [Unicode.Scalar]
    private var position = 0
    private var line = 1
    private var tokens: [Token] = []
    /// Whether what was read last ended a line.
    private var startsLine = true

    private enum Tag {
        case block
        case variable
        case comment
    }

    static func tokens(of source: String) throws(JinjaError) -> [Token] {
        guard source.utf8.count <= Limits.sourceBytes else {
            throw .tooLarge("the template has more than \(Limits.sourceBytes) bytes")
        }
        var lexer = Lexer(source: normalized(source.unicodeScalars))
        try lexer.run()
        return lexer.tokens
    }

    private init(source: [Unicode.Scalar]) { self.source = source }

    /// With "\n" as the only line end, and without one at the very end.
    private static func normalized(_ scalars: String.UnicodeScalarView) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        result.reserveCapacity(scalars.count)
        var previous: Unicode.Scalar = " "
        for scalar in scalars {
            if scalar == "\r" {
                result.append("\n")
            } else if scalar != "\n" || previous != "\r" {
                result.append(scalar)
            }
            previous = scalar
        }
        if result.last == "\n" { result.removeLast() }
        return result
    }

    private mutating func run() throws(JinjaError) {
        while position < source.count {
            guard let (start, tag) = nextTag() else {
                append(.data(String(source[position...])))
                position = source.count
                break
            }
            let raw = tag == .block ? rawTag("raw", at: start) : nil
            appendText(upTo: start, tag: tag)
            if let raw {
                advance(to: raw)
                try readRaw()
            } else {
                let hasSign = start + 2 < source.count && "+-".unicodeScalars.contains(source[start + 2])
                advance(to: start + (hasSign ? 3 : 2))
                switch tag {
                case .comment: try skipComment()
                case .block: try readTag(begin: .blockBegin, end: .blockEnd)
                case .variable: try readTag(begin: .variableBegin, end: .variableEnd)
                }
            }
            startsLine = source[position - 1] == "\n"
        }
        append(.end)
    }

    // MARK: - Moving

    private mutating func append(_ kind: Token.Kind) { tokens.append(Token(kind: kind, line: line)) }

    private mutating func advance(to end: Int) {
        line += source[position..<end].count { $0 == "\n" }
        position = end
    }

    private func matches(_ text: StaticString, at index: Int) -> Bool {
        let count = text.utf8CodeUnitCount
        guard index >= 0, index + count <= source.count else { return false }
        return text.withUTF8Buffer { bytes in
            (0..<count).allSatisfy { source[index + $0].value == UInt32(bytes[$0]) }
        }
    }

    private func skippingSpace(from start: Int) -> Int {
        var index = start
        while index < source.count, source[index].isPythonSpace { index += 1 }
        return index
    }

    // MARK: - Text between tags

    private func nextTag() -> (start: Int, tag: Tag)? {
        var index = position
        while index + 1 < source.count {
            if source[index] == "{" {
                switch source[index + 1] {
                case "%": return (index, .block)
                case "{": return (index, .variable)
                case "#": return (index, .comment)
                case _: break
                }
            }
            index += 1
        }
        return nil
    }

    /// The text in front of a tag, less the white space that the tag takes away.
    private mutating func appendText(upTo start: Int, tag: Tag) {
        var text = source[position..<start]
        let sign = start + 2 < source.count ? source[start + 2] : " "
        if sign == "-" {
            while let last = text.last, last.isPythonSpace { text.removeLast() }
        } else if sign != "+", tag != .variable {
            let lineStart = text.lastIndex(of: "\n").map { $0 + 1 }
            if let from = lineStart ?? (startsLine ? text.startIndex : nil),
                text[from...].allSatisfy(\.isPythonSpace)
            {
                text = text[..<from]
            }
        }
        if !text.isEmpty { append(.data(String(text))) }
        advance(to: start)
    }

    private mutating func skipComment() throws(JinjaError) {
        var index = position
        while !matches("#}", at: index) {
            guard index < source.count else { throw JinjaError(.syntax, "Missing end of comment tag", line: line) }
            index += 1
        }
        let sign = index > position ? source[index - 1] : " "
        advance(to: endOfTag(index + 2, sign: sign))
    }

    /// Where the text behind a closed tag begins, given the sign in front of its end.
    private func endOfTag(_ end: Int, sign: Unicode.Scalar) -> Int {
        if sign == "-" { return skippingSpace(from: end) }
        return sign != "+" && matches("\n", at: end) ? end + 1 : end
    }

    // MARK: - Raw text

    /// Where the text behind `{% raw %}` or `{% endraw %}` begins, if that is what stands at `start`.
    private func rawTag(_ name: StaticString, at start: Int) -> Int? {
        guard matches("{%", at: start) else { return nil }
        var index = start + 2
        if index < source.count, "+-".unicodeScalars.contains(source[index]) { index += 1 }
        index = skippingSpace(from: index)
        guard matches(name, at: index) else { return nil }
        index = skippingSpace(from: index + name.utf8CodeUnitCount)
        let isEnd = name.utf8CodeUnitCount > 3
        if matches("-%}", at: index) { return skippingSpace(from: index + 3) }
        if isEnd, matches("+%}", at: index) { return index + 3 }
        guard matches("%}", at: index) else { return nil }
        return isEnd ? endOfTag(index + 2, sign: " ") : index + 2
    }

    private mutating func readRaw() throws(JinjaError) {
        startsLine = source[position - 1] == "\n"
        var index = position
        while index < source.count {
            if let end = rawTag("endraw", at: index) {
                appendText(upTo: index, tag: .block)
                advance(to: end)
                return
            }
            index += 1
        }
        throw JinjaError(.syntax, "Missing end of raw directive", line: line)
    }

    // MARK: - Inside a tag

    private mutating func readTag(begin: Token.Kind, end: Token.Kind) throws(JinjaError) {
        append(begin)
        let closing: StaticString = end == .blockEnd ? "%}" : "}}"
        var open: [Token.Symbol] = []
        while true {
            if open.isEmpty, let behind = endOfTag(closing, isBlock: end == .blockEnd) {
                append(end)
                advance(to: behind)
                return
            }
            guard position < source.count else {
                append(.end)
                return
            }
            if source[position].isPythonSpace {
                advance(to: skippingSpace(from: position))
                continue
            }
            var literal = LiteralReader(source: source, position: position, line: line)
            if let kind = try literal.next() {
                append(kind)
                advance(to: literal.position)
                if case .symbol(let symbol) = kind { try balance(symbol, &open) }
            } else {
                throw JinjaError(.syntax, "unexpected char '\(source[position])' at \(position)", line: line)
            }
        }
    }

    private func endOfTag(_ closing: StaticString, isBlock: Bool) -> Int? {
        if matches(closing, at: position) { return isBlock ? endOfTag(position + 2, sign: " ") : position + 2 }
        guard matches(closing, at: position + 1) else { return nil }
        switch source[position] {
        case "-": return skippingSpace(from: position + 3)
        case "+" where isBlock: return position + 3
        case _: return nil
        }
    }

    private func balance(_ symbol: Token.Symbol, _ open: inout [Token.Symbol]) throws(JinjaError) {
        switch symbol {
        case .leftBrace: open.append(.rightBrace)
        case .leftParenthesis: open.append(.rightParenthesis)
        case .leftBracket: open.append(.rightBracket)
        case .rightBrace, .rightParenthesis, .rightBracket:
            guard let expected = open.popLast() else {
                throw JinjaError(.syntax, "unexpected '\(symbol.rawValue)'", line: line)
            }
            guard expected == symbol else {
                let message = "unexpected '\(symbol.rawValue)', expected '\(expected.rawValue)'"
                throw JinjaError(.syntax, message, line: line)
            }
        case _: break
        }
    }
}
