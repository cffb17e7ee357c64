import NIOCore
import P2PCore
import P2PWire

extension ProtocolID {
    /// Everything is read to its end; the answer is the number of bytes, big-endian, and their SHA-256.
    static let sink: ProtocolID = "/sink/1.0.0"
}

extension Host {
    func serveSink() {
        self.handle(.sink, limit: 64) { stream in
            var digest = RunningSHA256()
            var count: UInt64 = 0
            while let bytes = try await stream.read() {
                count += UInt64(bytes.readableBytes)
                digest.update(bytes)
            }
            var answer = ByteBuffer(integer: count)
            answer.writeBytes(digest.finish())
            try await stream.write(answer)
        }
    }
}

extension Checks {
    func sink(byteCount: Int) async throws {
        let stream = try await self.host.openStream(.sink, to: self.peer)
        let sent = Self.pattern(byteCount: byteCount)
        try await stream.write(sent)
        try await stream.closeWrite()
        var expected = ByteBuffer(integer: UInt64(byteCount))
        expected.writeBytes(SHA256.digest(sent.readableBytesView))
        let answer = try await stream.read(exactly: expected.readableBytes)
        guard answer == expected, try await stream.read() == nil else {
            throw CheckFailure(description: "another count or digest than that of the bytes sent, or more after it")
        }
    }
}
