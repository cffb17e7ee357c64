internal import CMsgpack
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
    /// - Throws: `ShardError` with `malformed`.
    package mutating func readValue() throws(ShardError) -> MessagePackValue {
        let extent = try self.readExtent()
        let value = extent.withUnsafeReadableBytes { bytes -> Result<MessagePackValue, ShardError> in
            var unpacked = msgpack_unpacked()
            msgpack_unpacked_init(&unpacked)
            defer { msgpack_unpacked_destroy(&unpacked) }
            var offset = 0
            let status = msgpack_unpack_next(
                &unpacked,
                bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
                bytes.count,
                &offset
            )
            guard status == MSGPACK_UNPACK_SUCCESS else {
                return .failure(.malformed("a MessagePack value cannot be parsed"))
            }
            // The objects point into `bytes`, so they are copied out here.
            return Result { () throws(ShardError) in try MessagePackValue(unpacked.data) }
        }
        return try value.get()
    }
}

extension MessagePackValue {
    /// Recurses at most `Limits.nesting` deep, since `readExtent` has measured the value.
    fileprivate init(_ object: msgpack_object) throws(ShardError) {
        switch object.type {
        case MSGPACK_OBJECT_NIL: self = .null
        case MSGPACK_OBJECT_BOOLEAN: self = .boolean(object.via.boolean)
        case MSGPACK_OBJECT_POSITIVE_INTEGER: self = .unsigned(object.via.u64)
        case MSGPACK_OBJECT_NEGATIVE_INTEGER: self = .negative(object.via.i64)
        case MSGPACK_OBJECT_FLOAT32, MSGPACK_OBJECT_FLOAT64: self = .double(object.via.f64)
        case MSGPACK_OBJECT_STR:
            let characters = Self.bytes(object.via.str.ptr, object.via.str.size)
            guard let text = String(validating: characters, as: UTF8.self) else {
                throw .malformed("a MessagePack string is not UTF-8")
            }
            self = .string(text)
        case MSGPACK_OBJECT_BIN: self = .binary(Self.bytes(object.via.bin.ptr, object.via.bin.size))
        case MSGPACK_OBJECT_EXT:
            self = .extended(type: object.via.ext.type, Self.bytes(object.via.ext.ptr, object.via.ext.size))
        case MSGPACK_OBJECT_ARRAY:
            var values: [MessagePackValue] = []
            for element in UnsafeBufferPointer(start: object.via.array.ptr, count: Int(object.via.array.size)) {
                values.append(try MessagePackValue(element))
            }
            self = .array(values)
        case MSGPACK_OBJECT_MAP:
            var pairs: [Pair] = []
            for pair in UnsafeBufferPointer(start: object.via.map.ptr, count: Int(object.via.map.size)) {
                pairs.append(Pair(key: try MessagePackValue(pair.key), value: try MessagePackValue(pair.val)))
            }
            self = .map(pairs)
        default: throw .malformed("a MessagePack value of a kind that does not exist")
        }
    }

    private static func bytes(_ start: UnsafePointer<CChar>?, _ count: UInt32) -> [UInt8] {
        [UInt8](UnsafeRawBufferPointer(start: start, count: Int(count)))
    }
}
