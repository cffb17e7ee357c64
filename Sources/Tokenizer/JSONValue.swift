/// A JSON value whose strings are bytes.
///
/// Foundation's decoders are not used because a Swift `String` compares by canonical equivalence: a dictionary of
/// strings would merge the two vocabulary entries "Ω" (U+03A9) and "Ω" (U+2126), which are different tokens.
enum JSONValue: Equatable {
    case null
    case boolean(Bool)
    case integer(Int)
    case fraction(Double)
    case string([UInt8])
    case array([JSONValue])
    case object([Member])

    struct Member: Equatable {
        let name: [UInt8]
        let value: JSONValue
    }
}

extension JSONValue {
    /// The member of that name; nil when there is none, when it is `null`, and when this is not an object.
    subscript(_ name: StaticString) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        let wanted = UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        let value = members.first { $0.name.elementsEqual(wanted) }?.value
        if case .null = value { return nil }
        return value
    }

    var text: String? {
        guard case .string(let bytes) = self else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    var bytes: [UInt8]? {
        guard case .string(let bytes) = self else { return nil }
        return bytes
    }

    var integer: Int? {
        guard case .integer(let value) = self else { return nil }
        return value
    }

    var elements: [JSONValue]? {
        guard case .array(let elements) = self else { return nil }
        return elements
    }

    var members: [Member]? {
        guard case .object(let members) = self else { return nil }
        return members
    }

    /// The flag of that name, or `standard` where it is not stated.
    func flag(_ name: StaticString, default standard: Bool) -> Bool {
        guard case .boolean(let value) = self[name] else { return standard }
        return value
    }
}
