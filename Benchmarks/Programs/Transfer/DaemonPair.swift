import Foundation

/// Two of p2pd's daemons, each steered over its control socket.
struct DaemonPair: Pair {
    private static let echoProtocol = "/echo/1.0.0"
    private static let sinkProtocol = "/sink/1.0.0"

    struct EchoStream: Echo {
        let socket: UnixSocket

        func exchange(byteCount: Int) async throws -> Duration {
            try await self.socket.elapsed { socket in
                try socket.write([UInt8](repeating: 7, count: byteCount))
                _ = try socket.read(exactly: byteCount)
            }
        }

        func close() async throws { self.socket.close() }
    }

    let name = "p2pd"
    let dialer: Daemon
    let listener: Daemon
    let peer: (id: [UInt8], addresses: [[UInt8]])

    static func with(_ program: String, _ body: (Self) async throws -> Void) async throws {
        let dialer = try Daemon(program)
        defer { dialer.stop() }
        let listener = try Daemon(program)
        defer { listener.stop() }
        try listener.handle(self.echoProtocol) { stream in
            while case let bytes = try stream.readSome(), !bytes.isEmpty { try stream.write(bytes) }
        }
        try listener.handle(self.sinkProtocol) { stream in
            // p2pd closes both directions at once, so the sender says first how much will come.
            let wanted = try stream.read(exactly: 8).reduce(0) { $0 << 8 | Int($1) }
            var count = 0
            while count < wanted, case let bytes = try stream.readSome(), !bytes.isEmpty { count += bytes.count }
            try stream.write((0..<8).map { UInt8(truncatingIfNeeded: count >> (56 - 8 * $0)) })
        }
        let pair = Self(dialer: dialer, listener: listener, peer: try listener.identity())
        _ = try await pair.connect()
        try await body(pair)
    }

    func connect() async throws -> Duration {
        try self.dialer.disconnect(self.peer.id)
        return try await elapsed { try self.dialer.connect(self.peer.id, self.peer.addresses) }
    }

    func openEcho() async throws -> EchoStream {
        EchoStream(socket: try self.dialer.open(self.peer.id, Self.echoProtocol))
    }

    func send(byteCount: Int) async throws -> Duration {
        let stream = try self.dialer.open(self.peer.id, Self.sinkProtocol)
        defer { stream.close() }
        return try await stream.elapsed { stream in
            let piece = [UInt8](repeating: 7, count: 1 << 20)
            try stream.write((0..<8).map { UInt8(truncatingIfNeeded: byteCount >> (56 - 8 * $0)) })
            for _ in 0..<byteCount >> 20 { try stream.write(piece) }
            let count = try stream.read(exactly: 8).reduce(0) { $0 << 8 | Int($1) }
            guard count == byteCount else { throw Failure("\(count) of \(byteCount) bytes arrived") }
        }
    }
}
