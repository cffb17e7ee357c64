package import NIOCore

/// The unsigned varint of multiformats: seven bits a byte, the lowest first.
///
/// Only the shortest form of a number is taken, and at most ten bytes, so that one number has one encoding
/// (libp2p specification; unsigned-varint allows nine bytes, protobuf lengths ten).
package enum UVarint {
    /// Bytes of the longest encoding, that of `UInt64.max`.
    package static let maximumByteCount = 10

    /// The encoding of `value`.
    package static func encoded(_ value: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
        return bytes
    }

    /// The number that `bytes` start with and how many bytes it takes; nil when more bytes are needed.
    package static func decode(_ bytes: some Sequence<UInt8>) throws(WireError) -> (value: UInt64, byteCount: Int)? {
        var value: UInt64 = 0
        var byteCount = 0
        for byte in bytes {
            let shift = UInt64(7 * byteCount)
            byteCount += 1
            let digit = UInt64(byte & 0x7f)
            // The tenth byte holds the highest bit alone.
            if byteCount == self.maximumByteCount, byte > 1 {
                throw WireError(.malformed, "a varint is longer than 64 bits")
            }
            value |= digit << shift
            guard byte < 0x80 else { continue }
            if byte == 0, byteCount > 1 {
                throw WireError(.malformed, "a varint is not in its shortest form")
            }
            return (value, byteCount)
        }
        return nil
    }
}

extension ByteBuffer {
    /// Reads a varint of at most `limit`; nil, and nothing read, when its last byte has not arrived.
    ///
    /// A length is compared with its limit here, before anybody allocates for it.
    package mutating func readUVarint(limit: UInt64 = .max) throws(WireError) -> UInt64? {
        guard let (value, byteCount) = try UVarint.decode(self.readableBytesView) else { return nil }
        guard value <= limit else {
            throw WireError(.tooLarge, "a length of \(value) is over the limit of \(limit)")
        }
        self.moveReaderIndex(forwardBy: byteCount)
        return value
    }

    /// Writes `value` in its shortest form and returns the number of bytes written.
    @discardableResult
    package mutating func writeUVarint(_ value: UInt64) -> Int {
        self.writeBytes(UVarint.encoded(value))
    }

    /// Writes `bytes` behind their length.
    package mutating func writeUVarintPrefixed(_ bytes: some Collection<UInt8>) {
        self.writeUVarint(UInt64(bytes.count))
        self.writeBytes(bytes)
    }

    /// Reads what stands behind its length; nil, and nothing read, when not all of it has arrived.
    package mutating func readUVarintPrefixedSlice(limit: Int) throws(WireError) -> ByteBuffer? {
        let start = self.readerIndex
        guard let length = try self.readUVarint(limit: UInt64(max(0, limit))),
            let slice = self.readSlice(length: Int(length))
        else {
            self.moveReaderIndex(to: start)
            return nil
        }
        return slice
    }
}
