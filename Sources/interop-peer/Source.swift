import NIOCore
import P2PCore
import P2PWire

extension ProtocolID {
    /// Reads a number of bytes, eight bytes big-endian, and answers with as many.
    static let source: ProtocolID = "/interop/source/1.0.0"
}

extension Host {
    func serveSource() {
        self.handle(.source, limit: 16) { stream in
            let count: UInt64? = try await stream.read(exactly: 8).getInteger(at: 0)
            guard let count, count <= 1 << 30 else { return stream.reset() }
            try await stream.write(Checks.pattern(byteCount: Int(count)))
            try await stream.closeWrite()
        }
    }
}

extension Checks {
    /// 64 MiB come over one stream, and more of our memory is set aside for what the peer may send than when they began:
    /// memory beyond the first window is taken for a window that grows.
    ///
    /// From a host of its own: on a connection that has carried much, the windows have grown before.
    func window() async throws {
        let logger = self.host.configuration.logger
        try await withHost(Host.Configuration(identity: Identity(), logger: logger)) { host in
            try await self.receive(byteCount: 64 << 20, at: host)
        }
    }

    private func receive(byteCount: Int, at host: Host) async throws {
        let stream = try await host.openStream(.source, to: self.peer)
        let before = host.resources.usage(of: self.peer.id).outbound.memory
        try await stream.write(ByteBuffer(integer: UInt64(byteCount)))
        var count = 0
        while count < byteCount, let bytes = try await stream.read() { count += bytes.readableBytes }
        let after = host.resources.usage(of: self.peer.id).outbound.memory
        await stream.close()
        guard count == byteCount, after > before else {
            throw CheckFailure(description: "\(count) bytes came, with \(before) set aside before and \(after) after")
        }
    }
}
