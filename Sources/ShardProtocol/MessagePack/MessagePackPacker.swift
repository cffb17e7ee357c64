internal import CMsgpack
package import NIOCore

/// Writes MessagePack into a buffer, integers in their smallest form.
///
/// msgpack-c does the packing; it appends straight to the buffer.
package struct MessagePackPacker {
    package private(set) var bytes: ByteBuffer

    package init(capacity: Int = 256) {
        self.bytes = ByteBufferAllocator().buffer(capacity: capacity)
    }

    private mutating func pack(_ body: (UnsafeMutablePointer<msgpack_packer>) -> Int32) {
        let status = withUnsafeMutablePointer(to: &self.bytes) { bytes in
            var packer = msgpack_packer(data: UnsafeMutableRawPointer(bytes)) { target, source, count in
                guard let target, let source else { return -1 }
                let bytes = target.assumingMemoryBound(to: ByteBuffer.self)
                bytes.pointee.writeBytes(UnsafeRawBufferPointer(start: source, count: count))
                return 0
            }
            return body(&packer)
        }
        precondition(status == 0, "packing into memory cannot fail")
    }

    package mutating func packNil() {
        self.pack { msgpack_pack_nil($0) }
    }

    package mutating func pack(_ value: Bool) {
        self.pack { value ? msgpack_pack_true($0) : msgpack_pack_false($0) }
    }

    package mutating func pack(_ value: UInt64) {
        self.pack { msgpack_pack_uint64($0, value) }
    }

    package mutating func pack(_ value: UInt32) {
        self.pack(UInt64(value))
    }

    package mutating func pack(_ value: Double) {
        self.pack { msgpack_pack_double($0, value) }
    }

    package mutating func pack(_ text: String) {
        var text = text
        text.withUTF8 { characters in
            self.pack { msgpack_pack_str($0, characters.count) }
            self.bytes.writeBytes(characters)
        }
    }

    /// `bin`, as all our byte strings leave.
    package mutating func pack(binary: ByteBuffer) {
        self.pack { msgpack_pack_bin($0, binary.readableBytes) }
        self.bytes.writeImmutableBuffer(binary)
    }

    package mutating func pack(binary: [UInt8]) {
        self.pack { msgpack_pack_bin($0, binary.count) }
        self.bytes.writeBytes(binary)
    }

    /// Announces an array of `count` values, which the caller packs next.
    package mutating func packArray(count: Int) {
        self.pack { msgpack_pack_array($0, count) }
    }

    /// Announces a map of `count` pairs, which the caller packs next.
    package mutating func packMap(count: Int) {
        self.pack { msgpack_pack_map($0, count) }
    }
}
