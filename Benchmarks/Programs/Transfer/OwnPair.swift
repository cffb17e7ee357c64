import NIOCore
import P2PCore
import P2PWire

private let echoProtocol: ProtocolID = "/echo/1.0.0"
private let sinkProtocol: ProtocolID = "/sink/1.0.0"

/// What the second process does: serves until its standard input ends.
func serve() async throws {
    let loopback = [try Multiaddr("/ip4/127.0.0.1/tcp/0")]
    try await withHost(Host.Configuration(listenAddresses: loopback)) { host in
        host.handle(echoProtocol, limit: 16) { stream in
            while let bytes = try await stream.read() { try await stream.write(bytes) }
        }
        host.handle(sinkProtocol, limit: 16) { stream in
            var count = 0
            while let bytes = try await stream.read() { count += bytes.readableBytes }
            try await stream.write(ByteBuffer(integer: UInt64(count)))
        }
        let echoPort = try BlockingSocket.listen(at: .loopback(port: 0), BlockingServices.echo)
        let busyPort = try BlockingSocket.listen(at: .loopback(port: 0), BlockingServices.busyEcho)
        let sinkPort = try BlockingSocket.listen(at: .loopback(port: 0), BlockingServices.sink)
        printLine("\(host.dialAddresses[0]) \(echoPort) \(busyPort) \(sinkPort)")
        await Child.waitForEndOfInput()
    }
}

/// Two of our peers: this process and a second one.
struct OwnPair: Pair {
    struct EchoStream: Echo {
        let stream: PeerStream

        func exchange(byteCount: Int) async throws -> Duration {
            let message = ByteBuffer(repeating: 7, count: byteCount)
            return try await elapsed {
                try await self.stream.write(message)
                _ = try await self.stream.read(exactly: byteCount)
            }
        }

        func close() async throws { await self.stream.close() }
    }

    let name = "kwaai-swift"
    let host: Host
    let peer: PeerInfo

    /// Runs `body` on the thread of this side's connections.
    static func with(_ address: Multiaddr, _ body: (Self) async throws -> Void) async throws {
        guard let id = address.peerID else { throw Failure("the second process printed \(address)") }
        try await withHost(Host.Configuration()) { host in
            let pair = Self(host: host, peer: PeerInfo(id: id, addresses: [address]))
            try await host.connect(to: pair.peer)
            try await withTaskExecutorPreference(host.executor) { try await body(pair) }
        }
    }

    func connect() async throws -> Duration {
        await self.host.disconnect(self.peer.id)
        return try await elapsed { try await self.host.connect(to: self.peer) }
    }

    func openEcho() async throws -> EchoStream {
        EchoStream(stream: try await self.host.openStream(echoProtocol, to: self.peer))
    }

    func send(byteCount: Int) async throws -> Duration {
        let piece = ByteBuffer(repeating: 7, count: 1 << 20)
        let stream = try await self.host.openStream(sinkProtocol, to: self.peer)
        return try await elapsed {
            for _ in 0..<byteCount >> 20 { try await stream.write(piece) }
            try await stream.closeWrite()
            let count: UInt64? = try await stream.read(exactly: 8).getInteger(at: 0)
            guard count == UInt64(byteCount) else { throw Failure("\(count ?? 0) of \(byteCount) bytes arrived") }
        }
    }
}
