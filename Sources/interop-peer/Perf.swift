import NIOCore
import P2PCore
import P2PWire

extension Checks {
    /// Byte for byte as the specification has it, apart from the client that measures.
    func perf(up: Int, down: Int) async throws {
        let stream = try await self.host.openStream(.perf, to: self.peer)
        var request = ByteBuffer(integer: UInt64(down))
        request.writeImmutableBuffer(Self.pattern(byteCount: up))
        try await stream.write(request)
        try await stream.closeWrite()
        var count = 0
        while let bytes = try await stream.read() { count += bytes.readableBytes }
        guard count == down else { throw CheckFailure(description: "\(count) bytes came down instead of \(down)") }
    }
}
