internal import NIOCore

/// A MessagePack value as a tree; for everything but the bytes of tensors.
package enum MessagePackValue: Equatable, Sendable {
    case null
    case boolean(Bool)
    case unsigned(UInt64)
    /// Below zero.
    case negative(Int64)
    case double(Double)
    case string(String)
    case binary([UInt8])
    case array([MessagePackValue])
    case map([Pair])
    case extended(type: Int8, [UInt8])

    package struct Pair: Equatable, Sendable {
        package var key: MessagePackValue
        package var value: MessagePackValue
    }
}

extension MessagePackCursor {
    /// Reads the next value, within the bounds of `readExtent`.
    ///
    /// Every key and number of a step is one, so they are read where they stand: msgpack-c makes a zone of memory for each,
    /// which took most of the time of reading a message.
    ///
    /// - Throws: `ShardError` with `malformed`.
    package mutating func readValue() throws(ShardError) -> MessagePackValue {
        var room = Limits.treeValues
        return try self.readValue(&room, depth: 1)
    }

    /// Recurses at most `Limits.nesting` deep.
    private mutating func readValue(_ room: inout Int, depth: Int) throws(ShardError) -> MessagePackValue {
        guard room > 0 else { throw Self.tooMany }
        room -= 1
        let marker = self.bytes.getInteger(at: self.bytes.readerIndex, as: UInt8.self) ?? 0
        switch try self.readLead() {
        case .null: return .null
        case .scalar(let byteCount): return try self.readScalar(marker, byteCount)
        case .string(let byteCount): return .string(try self.readText(byteCount: byteCount))
        case .binary(let byteCount): return .binary(try self.readBytes(count: byteCount))
        case .extended(let byteCount):
            guard let type = self.readInteger(Int8.self) else { throw Self.truncated }
            return .extended(type: type, try self.readBytes(count: byteCount - 1))
        case .array(let count):
            guard count == 0 || depth < Limits.nesting else { throw Self.tooDeep }
            var values: [MessagePackValue] = []
            for _ in 0..<count { values.append(try self.readValue(&room, depth: depth + 1)) }
            return .array(values)
        case .map(let count):
            guard count == 0 || depth < Limits.nesting else { throw Self.tooDeep }
            var pairs: [MessagePackValue.Pair] = []
            for _ in 0..<count {
                let key = try self.readValue(&room, depth: depth + 1)
                pairs.append(MessagePackValue.Pair(key: key, value: try self.readValue(&room, depth: depth + 1)))
            }
            return .map(pairs)
        }
    }

    /// A boolean or a number: small ones stand in the marker, the others behind it.
    private mutating func readScalar(_ marker: UInt8, _ byteCount: Int) throws(ShardError) -> MessagePackValue {
        let value: MessagePackValue? =
            switch marker {
            case 0x00...0x7f: .unsigned(UInt64(marker))
            case 0xe0...0xff: .negative(Int64(Int8(bitPattern: marker)))
            case 0xc2: .boolean(false)
            case 0xc3: .boolean(true)
            case 0xca: self.readInteger(UInt32.self).map { .double(Double(Float(bitPattern: $0))) }
            case 0xcb: self.readInteger(UInt64.self).map { .double(Double(bitPattern: $0)) }
            case 0xcc: self.readInteger(UInt8.self).map { .unsigned(UInt64($0)) }
            case 0xcd: self.readInteger(UInt16.self).map { .unsigned(UInt64($0)) }
            case 0xce: self.readInteger(UInt32.self).map { .unsigned(UInt64($0)) }
            case 0xcf: self.readInteger(UInt64.self).map { .unsigned($0) }
            case 0xd0: self.readInteger(Int8.self).map { Self.integer(Int64($0)) }
            case 0xd1: self.readInteger(Int16.self).map { Self.integer(Int64($0)) }
            case 0xd2: self.readInteger(Int32.self).map { Self.integer(Int64($0)) }
            default: self.readInteger(Int64.self).map { Self.integer($0) }
            }
        guard let value else { throw Self.truncated }
        return value
    }

    private static func integer(_ number: Int64) -> MessagePackValue {
        number < 0 ? .negative(number) : .unsigned(UInt64(number))
    }

    private mutating func readText(byteCount: Int) throws(ShardError) -> String {
        let text = self.bytes.withUnsafeReadableBytes { bytes -> String? in
            let bytes = UnsafeRawBufferPointer(rebasing: bytes.prefix(byteCount))
            // Nearly all strings are keys. What validates is generic to the end and takes several times as long.
            guard bytes.allSatisfy({ $0 < 0x80 }) else { return String(validating: bytes, as: UTF8.self) }
            return String(decoding: bytes, as: UTF8.self)
        }
        guard let text else { throw .malformed("a MessagePack string is not UTF-8") }
        self.skip(byteCount: byteCount)
        return text
    }

    private mutating func readBytes(count: Int) throws(ShardError) -> [UInt8] {
        [UInt8](try self.readSlice(byteCount: count).readableBytesView)
    }
}
