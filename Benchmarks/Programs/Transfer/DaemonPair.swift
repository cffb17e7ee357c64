/// Two of p2pd's daemons, each steered over its control socket.
struct DaemonPair: Pair {
    private static let echoProtocol = "/echo/1.0.0"
    private static let sinkProtocol = "/sink/1.0.0"

    let name = "p2pd"
    let dialer: Daemon
    let listener: Daemon
    let peer: (id: [UInt8], addresses: [[UInt8]])

    static func with(_ program: String, _ body: (Self) async throws -> Void) async throws {
        let dialer = try Daemon(program)
        defer { dialer.stop() }
        let listener = try Daemon(program)
        defer { listener.stop() }
        try listener.handle(self.echoProtocol, BlockingServices.echo)
        try listener.handle(self.sinkProtocol, BlockingServices.sink)
        let pair = Self(dialer: dialer, listener: listener, peer: try listener.identity())
        _ = try await pair.connect()
        try await body(pair)
    }

    func connect() async throws -> Duration {
        try self.dialer.disconnect(self.peer.id)
        return try await elapsed { try self.dialer.connect(self.peer.id, self.peer.addresses) }
    }

    func openEcho() async throws -> BlockingEcho {
        BlockingEcho(socket: try self.dialer.open(self.peer.id, Self.echoProtocol))
    }

    func send(byteCount: Int) async throws -> Duration {
        try await self.dialer.open(self.peer.id, Self.sinkProtocol).elapsed { stream in
            try BlockingServices.fill(stream, byteCount: byteCount)
            stream.hangUp()
        }
    }
}
