internal import CJansson

extension JSON {
    /// Reads one document that fills `bytes`, within `Limits`.
    package init(parsing bytes: some Sequence<UInt8>) throws(JSONError) {
        let read = Array(bytes).withUnsafeBytes { bytes in
            Result { () throws(JSONError) in try JSON(parsing: bytes) }
        }
        self = try read.get()
    }

    /// The same for bytes in place; they are not needed afterwards.
    package init(parsing bytes: UnsafeRawBufferPointer) throws(JSONError) {
        try Self.checkBounds(bytes)
        guard !bytes.isEmpty else { throw JSONError(code: .invalid, offset: 0, reason: "nothing is there") }
        var error = json_error_t()
        let flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL
        guard let root = json_loadb(bytes.baseAddress, bytes.count, Int(flags), &error) else {
            throw JSONError(code: .invalid, offset: Int(error.position), reason: error.reason)
        }
        defer { json_decref(root) }
        self.init(root)
    }

    /// Counts what the library would allocate and how deep it would recurse, before it does: a few bytes of a document
    /// cost it a hundred of memory. Whether the text is JSON is the library's to say.
    private static func checkBounds(_ bytes: UnsafeRawBufferPointer) throws(JSONError) {
        guard bytes.count <= Limits.bytes else {
            throw JSONError(code: .tooLarge, offset: Limits.bytes, reason: "more than \(Limits.bytes) bytes")
        }
        var depth = 0
        var values = 1
        var isInString = false
        var isEscaped = false
        for (offset, byte) in bytes.enumerated() {
            switch byte {
            case _ where isEscaped: isEscaped = false
            case UInt8(ascii: "\\"): isEscaped = isInString
            case UInt8(ascii: "\""): isInString.toggle()
            case _ where isInString: break
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                depth += 1
                values += 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
            case UInt8(ascii: ","): values += 1
            case _: break
            }
            guard depth <= Limits.depth else {
                throw JSONError(code: .tooLarge, offset: offset, reason: "nested deeper than \(Limits.depth)")
            }
            guard values <= Limits.values else {
                throw JSONError(code: .tooLarge, offset: offset, reason: "more than \(Limits.values) values")
            }
        }
    }

    /// Copies what the library read, whose strings are valid UTF-8.
    private init(_ value: UnsafeMutablePointer<json_t>) {
        switch value.pointee.type {
        case JSON_OBJECT: self = .object(Self.members(of: value))
        case JSON_ARRAY:
            self = .array((0..<json_array_size(value)).compactMap { json_array_get(value, $0).map(JSON.init) })
        case JSON_STRING:
            let bytes = UnsafeRawBufferPointer(start: json_string_value(value), count: json_string_length(value))
            self = .string(String(decoding: bytes, as: UTF8.self))
        case JSON_INTEGER: self = .integer(Int(json_integer_value(value)))
        case JSON_REAL: self = .real(json_real_value(value))
        case JSON_TRUE: self = .bool(true)
        case JSON_FALSE: self = .bool(false)
        case _: self = .null
        }
    }

    private static func members(of object: UnsafeMutablePointer<json_t>) -> [Member] {
        var members: [Member] = []
        members.reserveCapacity(json_object_size(object))
        var next = json_object_iter(object)
        while let entry = next {
            // No key holds a zero byte: the library refuses those.
            if let key = json_object_iter_key(entry), let value = json_object_iter_value(entry) {
                members.append(Member(String(cString: key), JSON(value)))
            }
            next = json_object_iter_next(object, entry)
        }
        return members
    }
}

extension json_error_t {
    fileprivate var reason: String {
        withUnsafeBytes(of: self.text) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
