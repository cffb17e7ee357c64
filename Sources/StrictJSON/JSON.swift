/// A JSON document, read strictly: a key that occurs twice is an error, and keys are told apart by their bytes.
///
/// Foundation's decoders are not used because a dictionary of Swift strings merges the vocabulary entries "Ω" (U+03A9)
/// and "Ω" (U+2126), which are different tokens, and because it cannot see that a key occurred twice. For the same
/// reason this is not `Equatable`: compare `canonicalBytes`.
package enum JSON: Sendable {
    case null
    case bool(Bool)
    case integer(Int)
    /// Finite; a number written with a fraction or an exponent.
    case real(Double)
    case string(String)
    case array([JSON])
    /// In the order of the file. The bytes of the keys are all different.
    case object([Member])

    package struct Member: Sendable {
        package var key: String
        package var value: JSON

        package init(_ key: String, _ value: JSON) {
            self.key = key
            self.value = value
        }
    }
}

extension JSON {
    /// The member of that name; nil where there is none, where it is `null`, and where this is not an object.
    package subscript(key: String) -> JSON? {
        let value = self.members?.first { $0.key.utf8.elementsEqual(key.utf8) }?.value
        if case .null = value { return nil }
        return value
    }

    package var bool: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    /// An integer, written as one: 1e5 is none.
    package var integer: Int? {
        if case .integer(let value) = self { value } else { nil }
    }

    package var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .real(let value): value
        case .null, .bool, .string, .array, .object: nil
        }
    }

    package var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// The UTF-8 of a string.
    package var bytes: [UInt8]? { self.string.map { Array($0.utf8) } }

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
