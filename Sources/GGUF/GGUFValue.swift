/// A value of a file's metadata. Texts and arrays stay where they are in the file, which must outlive them.
package enum GGUFValue: Equatable, Sendable {
    /// Any of the integer types.
    case integer(Int)
    /// An integer that only UInt64 holds.
    case unsigned(UInt64)
    case float32(Float)
    case float64(Double)
    case bool(Bool)
    case text(GGUFText)
    case array(GGUFArray)

    package var integer: Int? {
        if case .integer(let value) = self { value } else { nil }
    }

    /// Any number.
    package var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .unsigned(let value): Double(value)
        case .float32(let value): Double(value)
        case .float64(let value): value
        case .bool, .text, .array: nil
        }
    }

    package var bool: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    /// The bytes of a text, whatever they are.
    package var text: GGUFText? {
        if case .text(let text) = self { text } else { nil }
    }

    /// A text that is UTF-8.
    package var string: String? { self.text?.string }

    package var array: GGUFArray? {
        if case .array(let array) = self { array } else { nil }
    }
}

/// A text in the file. Its bytes need not be UTF-8: tokens often are not.
package struct GGUFText: @unchecked Sendable {
    // Sendable: the bytes are read-only and outlive whoever holds this.

    package let buffer: UnsafeRawBufferPointer

    package var bytes: [UInt8] { Array(self.buffer) }

    /// Nil where the bytes are not UTF-8.
    package var string: String? { String(validating: self.buffer, as: UTF8.self) }
}

extension GGUFText: Hashable {
    package static func == (a: Self, b: Self) -> Bool { a.buffer.elementsEqual(b.buffer) }

    package func hash(into hasher: inout Hasher) { hasher.combine(bytes: self.buffer) }
}
