package import NIOCore

/// Walks MessagePack value by value without building objects, and bounds what it walks over.
///
/// What a count claims is compared with the bytes that are there before anything is made of it.
package struct MessagePackCursor {
    package private(set) var bytes: ByteBuffer

    package init(_ bytes: ByteBuffer) {
        self.bytes = bytes
    }

    /// What stands at the start of a value; the counts are of what follows and have been checked against it.
    package enum Lead: Equatable {
        case null
        /// A boolean or a number whose last `byteCount` bytes follow.
        case scalar(byteCount: Int)
        case string(byteCount: Int)
        case binary(byteCount: Int)
        case array(count: Int)
        case map(count: Int)
        /// An extension type, its type byte included in `byteCount`.
        case extended(byteCount: Int)

        /// The fewest bytes that must follow.
        fileprivate var leastByteCount: Int {
            switch self {
            case .null: 0
            case .scalar(let count), .string(let count), .binary(let count), .array(let count), .extended(let count):
                count
            case .map(let count): count * 2
            }
        }
    }

    /// Reads the marker of the next value and its length, if it has one.
    package mutating func readLead() throws(ShardError) -> Lead {
        let lead = try self.readClaim()
        // A count is refused that the rest of the message cannot hold, since each value takes at least one byte.
        guard lead.leastByteCount <= self.bytes.readableBytes else { throw Self.truncated }
        return lead
    }

    /// What the next marker claims, not yet compared with what follows.
    private mutating func readClaim() throws(ShardError) -> Lead {
        guard let marker = self.readInteger(UInt8.self) else { throw Self.truncated }
        switch marker {
        case 0x00...0x7f, 0xe0...0xff, 0xc2, 0xc3: return .scalar(byteCount: 0)
        case 0x80...0x8f: return .map(count: Int(marker & 0x0f))
        case 0x90...0x9f: return .array(count: Int(marker & 0x0f))
        case 0xa0...0xbf: return .string(byteCount: Int(marker & 0x1f))
        case 0xc0: return .null
        case 0xc4: return .binary(byteCount: try self.length(UInt8.self))
        case 0xc5: return .binary(byteCount: try self.length(UInt16.self))
        case 0xc6: return .binary(byteCount: try self.length(UInt32.self))
        case 0xc7: return .extended(byteCount: try self.length(UInt8.self) + 1)
        case 0xc8: return .extended(byteCount: try self.length(UInt16.self) + 1)
        case 0xc9: return .extended(byteCount: try self.length(UInt32.self) + 1)
        case 0xca, 0xce, 0xd2: return .scalar(byteCount: 4)
        case 0xcb, 0xcf, 0xd3: return .scalar(byteCount: 8)
        case 0xcc, 0xd0: return .scalar(byteCount: 1)
        case 0xcd, 0xd1: return .scalar(byteCount: 2)
        case 0xd4...0xd8: return .extended(byteCount: (1 << Int(marker - 0xd4)) + 1)
        case 0xd9: return .string(byteCount: try self.length(UInt8.self))
        case 0xda: return .string(byteCount: try self.length(UInt16.self))
        case 0xdb: return .string(byteCount: try self.length(UInt32.self))
        case 0xdc: return .array(count: try self.length(UInt16.self))
        case 0xdd: return .array(count: try self.length(UInt32.self))
        case 0xde: return .map(count: try self.length(UInt16.self))
        case 0xdf: return .map(count: try self.length(UInt32.self))
        default: throw .malformed("MessagePack has no marker 0xc1")
        }
    }

    private mutating func length<Size: FixedWidthInteger>(_ size: Size.Type) throws(ShardError) -> Int {
        guard let value = self.readInteger(size) else { throw Self.truncated }
        return Int(value)
    }

    /// The next `count` bytes.
    package mutating func readSlice(byteCount: Int) throws(ShardError) -> ByteBuffer {
        guard let slice = self.bytes.readSlice(length: byteCount) else { throw Self.truncated }
        return slice
    }

    /// Moves past bytes that the caller has read itself.
    mutating func skip(byteCount: Int) {
        self.bytes.moveReaderIndex(forwardBy: byteCount)
    }

    /// A big-endian integer, or nil when it is cut off.
    mutating func readInteger<Number: FixedWidthInteger>(_ type: Number.Type) -> Number? {
        self.bytes.readInteger(as: type)
    }

    /// Skips the next value and returns its bytes, with everything inside it.
    ///
    /// - Throws: `ShardError` with `malformed` when it is cut off, nests deeper than `Limits.nesting` or holds more
    ///   than `Limits.treeValues` values.
    package mutating func readExtent() throws(ShardError) -> ByteBuffer {
        var start = self.bytes
        // How many values each open container still has to yield, the innermost last.
        var pending = [1]
        var total = 0
        while let remaining = pending.popLast() {
            guard remaining > 0 else { continue }
            pending.append(remaining - 1)
            total += 1
            guard total <= Limits.treeValues else { throw Self.tooMany }
            let children = try self.skipShallow()
            guard children > 0 else { continue }
            guard pending.count < Limits.nesting else { throw Self.tooDeep }
            pending.append(children)
        }
        guard let extent = start.readSlice(length: start.readableBytes - self.bytes.readableBytes) else {
            throw Self.truncated
        }
        return extent
    }

    /// Skips a value but for its children, and returns how many those are.
    private mutating func skipShallow() throws(ShardError) -> Int {
        switch try self.readLead() {
        case .null: return 0
        case .scalar(let count), .string(let count), .binary(let count), .extended(let count):
            self.bytes.moveReaderIndex(forwardBy: count)
            return 0
        case .array(let count): return count
        case .map(let count): return count * 2
        }
    }

    static let truncated = ShardError.malformed("a MessagePack value is cut off")
    static let tooMany = ShardError.malformed("a MessagePack value holds more than \(Limits.treeValues) values")
    static let tooDeep = ShardError.malformed("a MessagePack value nests deeper than \(Limits.nesting)")
}
