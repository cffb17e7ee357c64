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
enum ByteElements {
    /// Decodes up to `count` elements, and stops early before one of another form and before one that is cut off.
    static func decode(
        _ source: UnsafeRawBufferPointer,
        into target: UnsafeMutableRawBufferPointer,
        count: Int
    ) -> (consumed: Int, produced: Int) {
        guard let input = source.baseAddress?.assumingMemoryBound(to: UInt8.self),
            let output = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
        else { return (0, 0) }
        var (consumed, produced) = (0, 0)
        // Two bytes of input are always there, so that the choice between the forms needs no branch: with random
        // bytes every second branch would be mispredicted.
        let end = source.count - 1
        while produced < count, consumed < end {
            let first = input[consumed]
            let isWide = first == 0xcc
            guard first < 0x80 || isWide else { return (consumed, produced) }
            output[produced] = isWide ? input[consumed + 1] : first
            consumed += isWide ? 2 : 1
            produced += 1
        }
        if produced < count, consumed == end, input[consumed] < 0x80 {
            output[produced] = input[consumed]
            return (consumed + 1, produced + 1)
        }
        return (consumed, produced)
    }
}
