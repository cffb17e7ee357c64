/// Reads a header from its start to its end. Nothing is taken that is not there, and nothing is copied.
struct GGUFCursor {
    private let bytes: UnsafeRawBufferPointer
    /// Whether nothing follows `bytes` in the file; otherwise running out of them is a matter of `Limits`.
    private let isWhole: Bool
    private(set) var offset = 0

    init(_ bytes: UnsafeRawBufferPointer, isWhole: Bool) {
        self.bytes = bytes
        self.isWhole = isWhole
    }

    var remaining: Int { self.bytes.count - self.offset }

    mutating func take(_ count: Int) throws(GGUFError) -> UnsafeRawBufferPointer {
        guard count <= self.remaining else { throw self.exhausted(needs: count) }
        defer { self.offset += count }
        return UnsafeRawBufferPointer(rebasing: self.bytes[self.offset..<self.offset + count])
    }

    mutating func number<Number: FixedWidthInteger & BitwiseCopyable>(
        _ type: Number.Type = Number.self
    ) throws(GGUFError) -> Number {
        let bytes = try self.take(Number.bitWidth / 8)
        return Number(littleEndian: bytes.loadUnaligned(as: Number.self))
    }

    /// A count that is at most `limit`, and that the rest of the file can hold at so many bytes each.
    mutating func count(of what: String, atMost limit: Int, bytesEach: Int) throws(GGUFError) -> Int {
        let count = try self.number(UInt64.self)
        guard count <= limit else { throw GGUFError(.tooLarge, "claims \(count) \(what), more than \(limit)") }
        let (bytes, overflow) = Int(count).multipliedReportingOverflow(by: bytesEach)
        guard !overflow, bytes <= self.remaining else { throw self.exhausted(needs: overflow ? .max : bytes) }
        return Int(count)
    }

    mutating func text() throws(GGUFError) -> GGUFText {
        let length = try self.number(UInt64.self)
        guard let count = Int(exactly: length) else {
            throw GGUFError(.tooLarge, "claims a text of \(length) bytes")
        }
        return GGUFText(buffer: try self.take(count))
    }

    /// A key or the name of a tensor: printable ASCII, so that bytes and characters are one thing.
    mutating func name(of what: String, atMost limit: Int) throws(GGUFError) -> String {
        let text = try self.text()
        guard text.buffer.count <= limit else {
            throw GGUFError(.tooLarge, "names \(what) with \(text.buffer.count) bytes, more than \(limit)")
        }
        guard !text.buffer.isEmpty, text.buffer.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw GGUFError(.invalid, "names \(what) with something else than printable ASCII")
        }
        return String(decoding: text.buffer, as: UTF8.self)
    }

    private func exhausted(needs count: Int) -> GGUFError {
        self.isWhole
            ? GGUFError(.truncated, "ends at byte \(self.bytes.count), where its header promises \(count) more")
            : GGUFError(.tooLarge, "has a header of more than \(self.bytes.count) bytes")
    }
}

// MARK: Metadata

extension GGUFCursor {
    /// A value after its type.
    mutating func value(key: String) throws(GGUFError) -> GGUFValue {
        let type = try self.number(UInt32.self)
        if type == Self.arrayType { return .array(try self.array(key: key)) }
        guard let type = GGUFArray.ElementType(rawValue: type) else {
            throw GGUFError(.invalid, "gives \(key) the unknown type \(type)")
        }
        return try self.value(of: type)
    }

    mutating func value(of type: GGUFArray.ElementType) throws(GGUFError) -> GGUFValue {
        switch type {
        case .uint8: return .integer(Int(try self.number(UInt8.self)))
        case .int8: return .integer(Int(try self.number(Int8.self)))
        case .uint16: return .integer(Int(try self.number(UInt16.self)))
        case .int16: return .integer(Int(try self.number(Int16.self)))
        case .uint32: return .integer(Int(try self.number(UInt32.self)))
        case .int32: return .integer(Int(try self.number(Int32.self)))
        case .int64: return .integer(Int(try self.number(Int64.self)))
        case .uint64:
            let number = try self.number(UInt64.self)
            return Int(exactly: number).map(GGUFValue.integer) ?? .unsigned(number)
        case .float32: return .float32(Float(bitPattern: try self.number(UInt32.self)))
        case .float64: return .float64(Double(bitPattern: try self.number(UInt64.self)))
        case .bool:
            let byte = try self.number(UInt8.self)
            guard byte <= 1 else { throw GGUFError(.invalid, "holds a boolean that is \(byte)") }
            return .bool(byte == 1)
        case .string: return .text(try self.text())
        }
    }

    private mutating func array(key: String) throws(GGUFError) -> GGUFArray {
        let type = try self.number(UInt32.self)
        guard let elementType = GGUFArray.ElementType(rawValue: type) else {
            let what = type == Self.arrayType ? "arrays, which no published model does" : "the unknown type \(type)"
            throw GGUFError(.invalid, "makes \(key) an array of \(what)")
        }
        let what = "elements of \(key)"
        let count = try self.count(of: what, atMost: Limits.arrayCount, bytesEach: elementType.byteCount ?? 8)
        let start = self.offset
        switch elementType {
        case .string: for _ in 0..<count { _ = try self.text() }
        case .bool: for _ in 0..<count { _ = try self.value(of: .bool) }
        case let numbers: _ = try self.take(count * (numbers.byteCount ?? 0))
        }
        let elements = UnsafeRawBufferPointer(rebasing: self.bytes[start..<self.offset])
        return GGUFArray(elementType: elementType, count: count, buffer: elements)
    }

    private static let arrayType: UInt32 = 9
}
