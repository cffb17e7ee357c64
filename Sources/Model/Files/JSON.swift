/// A JSON document, read strictly: duplicate keys, lone surrogates, invalid UTF-8 and trailing bytes are errors.
///
/// Strings are compared by their bytes, since vocabularies hold entries that Unicode considers equal. Numbers keep
/// their text, so that an integer never passes through a float.
package enum JSON: Sendable {
    case null
    case bool(Bool)
    case number(String)
    case string(String)
    case array([JSON])
    /// Sorted by the bytes of the keys, which are all different.
    case object([Member])

    package struct Member: Sendable {
        package var key: String
        package var value: JSON

        package init(_ key: String, _ value: JSON) {
            self.key = key
            self.value = value
        }
    }

    /// An object, its members put in order.
    package static func sorted(_ members: [Member]) -> JSON {
        .object(members.sorted { bytesPrecede($0.key, $1.key) })
    }

    package subscript(key: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.key.utf8.elementsEqual(key.utf8) }?.value
    }

    package var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    package var bool: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    package var integer: Int? {
        if case .number(let text) = self { Int(text) } else { nil }
    }

    package var double: Double? {
        guard case .number(let text) = self, let value = Double(text), value.isFinite else { return nil }
        return value
    }

    package var array: [JSON]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    package var members: [Member]? {
        if case .object(let members) = self { members } else { nil }
    }

    package var isNull: Bool {
        if case .null = self { true } else { false }
    }
}

/// Whether `a` sorts before `b` by the bytes of their UTF-8.
func bytesPrecede(_ a: String, _ b: String) -> Bool {
    a.utf8.lexicographicallyPrecedes(b.utf8)
}

// MARK: Canonical form

extension JSON {
    /// The one text of this value that digests are taken over: keys sorted by their bytes, no spaces, only `"`, `\`
    /// and control characters escaped, integers as they stand, other numbers in the shortest decimal that reads back
    /// as the same double.
    package var canonicalBytes: [UInt8] {
        var bytes: [UInt8] = []
        self.appendCanonical(to: &bytes)
        return bytes
    }

    private func appendCanonical(to bytes: inout [UInt8]) {
        switch self {
        case .null: bytes += "null".utf8
        case .bool(let value): bytes += (value ? "true" : "false").utf8
        case .number(let text): bytes += Self.canonicalNumber(text).utf8
        case .string(let text): Self.appendCanonical(text, to: &bytes)
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                element.appendCanonical(to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let members):
            bytes.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                Self.appendCanonical(member.key, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                member.value.appendCanonical(to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    private static func canonicalNumber(_ text: String) -> String {
        if text == "-0" { return "0" }
        guard text.utf8.contains(where: { $0 == UInt8(ascii: ".") || $0 | 0x20 == UInt8(ascii: "e") }) else {
            return text
        }
        return Double(text).map { "\($0)" } ?? text
    }

    private static func appendCanonical(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case 0..<0x20:
                bytes += "\\u00".utf8
                bytes += [hexDigit(byte >> 4), hexDigit(byte & 15)]
            default:
                bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}

/// The lower-case hexadecimal digit of a value below 16.
func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
}

extension [UInt8] {
    /// The bytes in lower-case hexadecimal.
    package var hex: String {
        String(decoding: self.flatMap { [hexDigit($0 >> 4), hexDigit($0 & 15)] }, as: UTF8.self)
    }

    /// The bytes that `hex` spells, or nil where it is not hexadecimal.
    package init?(hex: String) {
        let digits = hex.utf8.compactMap { digit in Character(UnicodeScalar(digit)).hexDigitValue.map(UInt8.init) }
        guard digits.count == hex.utf8.count, digits.count.isMultiple(of: 2) else { return nil }
        self = stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}
