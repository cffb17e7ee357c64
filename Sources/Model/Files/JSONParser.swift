/// What is wrong with a JSON text, and where.
package struct JSONError: Error, Equatable {
    package var offset: Int
    package var reason: String
}

extension JSON {
    /// Reads one document that fills `bytes`, within `Limits.jsonDepth` and `Limits.jsonValues`.
    package init(parsing bytes: [UInt8]) throws(JSONError) {
        var parser = JSONParser(bytes: bytes)
        self = try parser.document()
    }
}

/// A recursive-descent reader over bytes (RFC 8259).
private struct JSONParser {
    let bytes: [UInt8]
    var offset = 0
    var valueCount = 0

    mutating func document() throws(JSONError) -> JSON {
        let value = try self.value(depth: 0)
        self.skipSpace()
        guard self.offset == self.bytes.count else { throw self.error("something follows the document") }
        return value
    }

    private var next: UInt8? { self.offset < self.bytes.count ? self.bytes[self.offset] : nil }

    private func error(_ reason: String) -> JSONError { JSONError(offset: self.offset, reason: reason) }

    private mutating func skipSpace() {
        while let byte = self.next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { self.offset += 1 }
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard self.next == UInt8(ascii: character) else { return false }
        self.offset += 1
        return true
    }

    private mutating func value(depth: Int) throws(JSONError) -> JSON {
        guard depth < Limits.jsonDepth else { throw self.error("nested deeper than \(Limits.jsonDepth)") }
        self.valueCount += 1
        guard self.valueCount <= Limits.jsonValues else { throw self.error("more than \(Limits.jsonValues) values") }
        self.skipSpace()
        switch self.next {
        case UInt8(ascii: "{"): return try self.object(depth: depth)
        case UInt8(ascii: "["): return try self.array(depth: depth)
        case UInt8(ascii: "\""): return .string(try self.string())
        case UInt8(ascii: "t"): return try self.literal("true", .bool(true))
        case UInt8(ascii: "f"): return try self.literal("false", .bool(false))
        case UInt8(ascii: "n"): return try self.literal("null", .null)
        default: return .number(try self.number())
        }
    }

    private mutating func literal(_ text: String, _ value: JSON) throws(JSONError) -> JSON {
        guard self.bytes[self.offset...].starts(with: text.utf8) else { throw self.error("unknown word") }
        self.offset += text.utf8.count
        return value
    }

    private mutating func array(depth: Int) throws(JSONError) -> JSON {
        self.offset += 1
        self.skipSpace()
        if self.take("]") { return .array([]) }
        var elements: [JSON] = []
        while true {
            elements.append(try self.value(depth: depth + 1))
            self.skipSpace()
            if self.take("]") { return .array(elements) }
            guard self.take(",") else { throw self.error("an array needs a comma or its end here") }
        }
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSON {
        self.offset += 1
        self.skipSpace()
        if self.take("}") { return .object([]) }
        var members: [JSON.Member] = []
        while true {
            self.skipSpace()
            guard self.next == UInt8(ascii: "\"") else { throw self.error("an object needs a key here") }
            let key = try self.string()
            self.skipSpace()
            guard self.take(":") else { throw self.error("a key needs a colon here") }
            members.append(JSON.Member(key, try self.value(depth: depth + 1)))
            self.skipSpace()
            if self.take("}") { break }
            guard self.take(",") else { throw self.error("an object needs a comma or its end here") }
        }
        members.sort { bytesPrecede($0.key, $1.key) }
        for (member, following) in zip(members, members.dropFirst())
        where member.key.utf8.elementsEqual(following.key.utf8) {
            throw self.error("the key \"\(member.key.prefix(80))\" occurs twice")
        }
        return .object(members)
    }

    private mutating func number() throws(JSONError) -> String {
        let start = self.offset
        _ = self.take("-")
        if !self.take("0") { try self.digits() }
        if self.take(".") { try self.digits() }
        if self.take("e") || self.take("E") {
            if !self.take("+") { _ = self.take("-") }
            try self.digits()
        }
        return String(decoding: self.bytes[start..<self.offset], as: UTF8.self)
    }

    private mutating func digits() throws(JSONError) {
        let start = self.offset
        while let byte = self.next, UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte { self.offset += 1 }
        guard self.offset > start else { throw self.error("a value was expected") }
    }
}

// MARK: Strings

extension JSONParser {
    /// Reads a string whose opening quote is next.
    private mutating func string() throws(JSONError) -> String {
        self.offset += 1
        let start = self.offset
        while let byte = self.next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 {
            self.offset += 1
        }
        var content: [UInt8]?
        while !self.take("\"") {
            guard let byte = self.next, byte >= 0x20 else { throw self.error("a string does not end") }
            if content == nil { content = Array(self.bytes[start..<self.offset]) }
            self.offset += 1
            if byte == UInt8(ascii: "\\") {
                content?.append(contentsOf: try self.escape())
            } else {
                content?.append(byte)
            }
        }
        let text =
            if let content {
                String(validating: content, as: UTF8.self)
            } else {
                String(validating: self.bytes[start..<self.offset - 1], as: UTF8.self)
            }
        guard let text else { throw self.error("a string is not UTF-8") }
        return text
    }

    /// Reads what follows a backslash.
    private mutating func escape() throws(JSONError) -> [UInt8] {
        defer { self.offset += 1 }
        switch self.next {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [self.bytes[self.offset]]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"): return try self.unicodeEscape()
        default: throw self.error("unknown escape")
        }
    }

    /// Reads `uXXXX`, or a pair of surrogates, and leaves `offset` on its last digit.
    private mutating func unicodeEscape() throws(JSONError) -> [UInt8] {
        var code = try self.fourHexDigits()
        if 0xD800..<0xDC00 ~= code {
            guard self.bytes[self.offset...].dropFirst().starts(with: "\\u".utf8) else {
                throw self.error("half a surrogate pair")
            }
            self.offset += 2
            let low = try self.fourHexDigits()
            guard 0xDC00..<0xE000 ~= low else { throw self.error("half a surrogate pair") }
            code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw self.error("half a surrogate pair") }
        return Array(String(Character(scalar)).utf8)
    }

    private mutating func fourHexDigits() throws(JSONError) -> UInt32 {
        let digits = self.bytes[self.offset...].dropFirst().prefix(4)
        guard digits.count == 4, let values = [UInt8](hex: String(decoding: digits, as: UTF8.self)) else {
            throw self.error("\\u needs four hexadecimal digits")
        }
        self.offset += 4
        return UInt32(values[0]) << 8 | UInt32(values[1])
    }
}
