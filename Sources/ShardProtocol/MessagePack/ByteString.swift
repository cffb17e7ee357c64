package import NIOCore

extension MessagePackCursor {
    /// Reads a byte string: `bin`, or the array of integers that Rust nodes write.
    ///
    /// The array gets a pass of its own, since a tree would spend 24 bytes on each of millions of elements.
    ///
    /// - Throws: `ShardError` with `malformed` for any other kind, and for an element that is no byte.
    package mutating func readByteString() throws(ShardError) -> ByteBuffer {
        switch try self.readLead() {
        case .binary(let byteCount): return try self.readSlice(byteCount: byteCount)
        case .array(let count): return try self.readIntegers(count: count)
        case .null, .scalar, .string, .map, .extended: throw .malformed("data is neither bin nor an array of integers")
        }
    }

    private mutating func readIntegers(count: Int) throws(ShardError) -> ByteBuffer {
        var result = ByteBufferAllocator().buffer(capacity: count)
        while result.readableBytes < count {
            let missing = count - result.readableBytes
            var consumed = 0
            result.writeWithUnsafeMutableBytes(minimumWritableBytes: missing) { target in
                let usual = self.bytes.withUnsafeReadableBytes {
                    ByteElements.decode($0, into: target, count: missing)
                }
                consumed = usual.consumed
                return usual.produced
            }
            self.skip(byteCount: consumed)
            guard result.readableBytes < count else { break }
            result.writeInteger(try self.readUnusualElement())
        }
        return result
    }

    /// A byte as a wider integer than it needs, which encoders rarely choose but Rust accepts.
    private mutating func readUnusualElement() throws(ShardError) -> UInt8 {
        let marker = self.readInteger(UInt8.self)
        let byte: UInt8? =
            switch marker {
            case 0xcc: self.readInteger(UInt8.self)
            case 0xcd: self.readInteger(UInt16.self).flatMap(UInt8.init(exactly:))
            case 0xce: self.readInteger(UInt32.self).flatMap(UInt8.init(exactly:))
            case 0xcf: self.readInteger(UInt64.self).flatMap(UInt8.init(exactly:))
            case 0xd0: self.readInteger(Int8.self).flatMap(UInt8.init(exactly:))
            case 0xd1: self.readInteger(Int16.self).flatMap(UInt8.init(exactly:))
            case 0xd2: self.readInteger(Int32.self).flatMap(UInt8.init(exactly:))
            case 0xd3: self.readInteger(Int64.self).flatMap(UInt8.init(exactly:))
            default: nil
            }
        guard let byte else { throw .malformed("an element of data is no byte") }
        return byte
    }
}

/// Elements of an array of bytes in their two usual forms: a byte below 128 as itself, any other as `cc` and itself.
///
/// Random bytes are of either form every other time, so a branch on the form would be mispredicted every other time. The
/// elements are therefore taken out of a word by shifts whose distance is computed.
enum ByteElements {
    /// Decodes up to `count` elements, and stops early before one of another form and before one that is cut off.
    static func decode(
        _ source: UnsafeRawBufferPointer,
        into target: UnsafeMutableRawBufferPointer,
        count: Int
    ) -> (consumed: Int, produced: Int) {
        var (consumed, produced) = (0, 0)
        let wordEnd = source.count - 8
        let batchEnd = min(count, target.count) - 8
        while consumed <= wordEnd, produced <= batchEnd {
            let bits = source.loadUnaligned(fromByteOffset: consumed, as: UInt64.self)
            let word = UInt64(littleEndian: bits)
            if word & 0x8080_8080_8080_8080 == 0 {
                target.storeBytes(of: bits, toByteOffset: produced, as: UInt64.self)
                consumed &+= 8
                produced &+= 8
            } else {
                let batch = Self.firstFour(word)
                guard batch.areUsual else { break }
                target.storeBytes(of: batch.bytes.littleEndian, toByteOffset: produced, as: UInt32.self)
                consumed &+= batch.consumed
                produced &+= 4
            }
        }
        while produced < min(count, target.count), consumed < source.count {
            let first = source[consumed]
            let isWide = first == 0xcc
            guard first < 0x80 || isWide && consumed + 1 < source.count else { break }
            target[produced] = isWide ? source[consumed + 1] : first
            consumed += isWide ? 2 : 1
            produced += 1
        }
        return (consumed, produced)
    }

    /// The first four elements of a word, which hold at most all of its eight bytes.
    @inline(__always)
    private static func firstFour(_ word: UInt64) -> (bytes: UInt32, consumed: Int, areUsual: Bool) {
        var rest = word
        var bytes: UInt64 = 0
        var wideCount: UInt64 = 0
        var unusual: UInt64 = 0
        for index: UInt64 in 0..<4 {
            let isWide = (rest &>> 7) & 1
            // All ones when the element has a marker, which has to be `cc`.
            unusual |= (0 &- isWide) & ((rest ^ 0xcc) & 0xff)
            rest = rest &>> (isWide &* 8)
            bytes |= (rest & 0xff) &<< (index &* 8)
            rest = rest &>> 8
            wideCount &+= isWide
        }
        return (UInt32(truncatingIfNeeded: bytes), 4 &+ Int(wideCount), unusual == 0)
    }
}
