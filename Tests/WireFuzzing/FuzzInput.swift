import NIOCore

/// The bytes of an input, taken as the choices of a run: which step comes next, how long it is, what it holds.
struct FuzzInput {
    private var rest: ByteBuffer

    init(_ bytes: ByteBuffer) {
        self.rest = bytes
    }

    var isEmpty: Bool { self.rest.readableBytes == 0 }

    /// The next byte; 0 once there are none.
    mutating func byte() -> UInt8 { self.rest.readInteger() ?? 0 }

    /// The next two bytes as a number; 0 once there are none.
    mutating func short() -> Int { Int(self.rest.readInteger(as: UInt16.self) ?? 0) }

    /// The next four bytes as a number; 0 once there are none.
    mutating func word() -> UInt32 { self.rest.readInteger() ?? 0 }

    /// Up to `count` bytes.
    mutating func bytes(_ count: Int) -> ByteBuffer {
        self.rest.readSlice(length: min(count, self.rest.readableBytes)) ?? ByteBuffer()
    }

    /// All that is left.
    mutating func remainder() -> ByteBuffer { self.bytes(self.rest.readableBytes) }
}

extension ByteBuffer {
    var array: [UInt8] { Array(self.readableBytesView) }

    /// The same bytes in pieces: one, or one for each byte.
    func pieces(single: Bool) -> [ByteBuffer] {
        single ? [self] : self.readableBytesView.map { ByteBuffer(bytes: [$0]) }
    }
}
