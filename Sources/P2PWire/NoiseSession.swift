package import NIOCore

/// The encrypted transport after the handshake: plaintext in, framed messages of at most 65535 bytes out, and back.
package struct NoiseSession: ~Copyable {
    /// Bytes of plaintext that one message carries.
    package static let messageCapacity = 65535 - CipherState.tagLength
    private static let lengthBytes = 2

    private var sending: CipherState
    private var receiving: CipherState
    /// A message that has not all arrived.
    private var partial = ByteBuffer()

    package init(sending: consuming CipherState, receiving: consuming CipherState) {
        self.sending = sending
        self.receiving = receiving
    }

    /// Leaves room for the length field of a message at the end of `output` and returns where the message starts. The
    /// caller appends the plaintext, at most ``messageCapacity`` bytes, and calls ``seal(from:in:)``.
    package static func beginMessage(in output: inout ByteBuffer) -> Int {
        let start = output.writerIndex
        output.writeInteger(0 as UInt16)
        return start
    }

    /// Encrypts what follows `start` where it stands. A message without plaintext is taken back: py-libp2p would take it
    /// for the end of the connection.
    package mutating func seal(from start: Int, in output: inout ByteBuffer) throws(WireError) {
        let length = output.writerIndex - start - Self.lengthBytes
        guard length > 0 else {
            output.moveWriterIndex(to: start)
            return
        }
        precondition(length <= Self.messageCapacity)
        let sealed = length + CipherState.tagLength
        output.setInteger(UInt16(sealed), at: start)
        output.writeRepeatingByte(0, count: CipherState.tagLength)
        let offset = start + Self.lengthBytes - output.readerIndex
        let result = output.withUnsafeMutableReadableBytes { bytes in
            Result { () throws(WireError) in
                try self.sending.seal(UnsafeMutableRawBufferPointer(rebasing: bytes[offset..<offset + sealed]))
            }
        }
        try result.get()
    }

    /// Decrypts every complete message of `bytes` behind what is in `plaintext`, and keeps an incomplete one for later.
    ///
    /// - Throws: `badSignature` or `malformed`; the connection cannot go on.
    package mutating func open(_ bytes: inout ByteBuffer, into plaintext: inout ByteBuffer) throws(WireError) {
        try self.completePartial(&bytes, into: &plaintext)
        plaintext.reserveCapacity(minimumWritableBytes: bytes.readableBytes)
        while let length = Self.messageLength(bytes), bytes.readableBytes >= length {
            try self.openMessage(&bytes, length: length, into: &plaintext)
        }
        self.partial.writeBuffer(&bytes)
    }

    /// Fills up the message that an earlier call left incomplete, and no further.
    private mutating func completePartial(
        _ bytes: inout ByteBuffer,
        into plaintext: inout ByteBuffer
    ) throws(WireError) {
        guard self.partial.readableBytes > 0 else { return }
        self.fillPartial(to: Self.lengthBytes, from: &bytes)
        guard let length = Self.messageLength(self.partial) else { return }
        self.fillPartial(to: length, from: &bytes)
        guard self.partial.readableBytes == length else { return }
        var message = ByteBuffer()
        swap(&message, &self.partial)
        try self.openMessage(&message, length: length, into: &plaintext)
        message.clear()
        self.partial = message
    }

    private mutating func fillPartial(to length: Int, from bytes: inout ByteBuffer) {
        let missing = max(0, length - self.partial.readableBytes)
        guard var piece = bytes.readSlice(length: min(missing, bytes.readableBytes)) else { return }
        self.partial.writeBuffer(&piece)
    }

    private mutating func openMessage(
        _ bytes: inout ByteBuffer,
        length: Int,
        into plaintext: inout ByteBuffer
    ) throws(WireError) {
        let room = max(0, length - Self.lengthBytes - CipherState.tagLength)
        plaintext.reserveCapacity(minimumWritableBytes: room)
        let result = bytes.withUnsafeReadableBytes { source in
            var result = Result<Void, WireError>.success(())
            plaintext.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { target in
                let message = UnsafeRawBufferPointer(rebasing: source[Self.lengthBytes..<length])
                result = Result { () throws(WireError) in try self.receiving.open(message, into: target) }
                // What was decrypted and not authenticated is nobody's to read.
                return if case .success = result { room } else { 0 }
            }
            return result
        }
        try result.get()
        bytes.moveReaderIndex(forwardBy: length)
    }

    /// The whole length of the message that `bytes` start with, its length field included.
    private static func messageLength(_ bytes: ByteBuffer) -> Int? {
        bytes.getInteger(at: bytes.readerIndex, as: UInt16.self).map { Int($0) + Self.lengthBytes }
    }
}
