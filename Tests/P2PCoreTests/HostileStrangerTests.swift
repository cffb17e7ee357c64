import NIOCore
import NIOPosix
import P2PWire
import Testing

@testable import P2PCore

/// Strangers who connect by plain TCP, and peers who abuse what they are offered.
@Suite(.timeLimit(.minutes(1))) struct HostileStrangerTests {
    /// What a TCP client got until the listener closed.
    private func answer(
        of host: Host,
        to pieces: [ByteBuffer]
    ) async throws -> Int {
        let port = try #require(host.listenAddresses.first?.tcpEndpoint?.port)
        let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connect(host: "127.0.0.1", port: Int(port)) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            // The listener may close before everything was written.
            for piece in pieces { try? await outbound.write(piece) }
            var count = 0
            do { for try await bytes in inbound { count += bytes.readableBytes } } catch is IOError {}
            return count
        }
    }

    private func withImpatientHost(_ body: (Host) async throws -> Void) async throws {
        var configuration = Host.Configuration.quiet
        configuration.listenAddresses = [try Multiaddr("/ip4/127.0.0.1/tcp/0")]
        configuration.timeouts.upgrade = .milliseconds(200)
        try await withHost(configuration, body)
    }

    @Test func `a stranger who stays silent is shown the door`() async throws {
        try await self.withImpatientHost { host in
            let byteCount = try await self.answer(of: host, to: [])
            #expect(byteCount < 100)
        }
    }

    @Test func `a stranger who sends a byte at a time gets no more time than others`() async throws {
        var hello = ByteBuffer()
        Multistream.write("/multistream/1.0.0", into: &hello)
        let pieces = hello.readableBytesView.map { ByteBuffer(bytes: [$0]) }
        try await self.withImpatientHost { host in
            let byteCount = try await self.answer(of: host, to: pieces)
            #expect(byteCount < 100)
        }
    }

    @Test func `garbage where Noise belongs ends the connection`() async throws {
        var bytes = ByteBuffer()
        Multistream.write("/multistream/1.0.0", into: &bytes)
        Multistream.write("/noise", into: &bytes)
        bytes.writeInteger(UInt16(200))
        bytes.writeRepeatingByte(0xa5, count: 200)
        try await self.withImpatientHost { host in
            let byteCount = try await self.answer(of: host, to: [bytes])
            #expect(byteCount < 400)
            #expect(host.connectedPeers.isEmpty)
        }
    }

    @Test func `a megabyte without a line end is not gathered`() async throws {
        let flood = (0..<16).map { _ in ByteBuffer(repeating: 0x7f, count: 1 << 16) }
        try await self.withImpatientHost { host in
            let byteCount = try await self.answer(of: host, to: flood)
            #expect(byteCount < 100)
        }
    }

    @Test func `a peer that pushes its identity forever is cut off`() async throws {
        try await withTwoHosts(server: { $0.timeouts.identify = .milliseconds(100) }) { server, client, peer in
            let stream = try await client.openStream(.identifyPush, to: peer)
            let error = await #expect(throws: P2PError.self) { try await stream.read() }
            #expect(error?.code == .streamReset)
        }
    }

    @Test func `a peer that takes all its streams leaves room for others`() async throws {
        try await withTwoHosts { server, greedy, peer in
            server.handle("/echo", limit: 4, limitPerPeer: 2, echo)
            let first = try await greedy.openStream("/echo", to: peer)
            let second = try await greedy.openStream("/echo", to: peer)
            await #expect(throws: P2PError.self) {
                let third = try await greedy.openStream("/echo", to: peer)
                _ = try await third.read()
            }
            try await withHost(.quiet) { modest in
                let stream = try await modest.openStream("/echo", to: peer)
                try await stream.writeFrame(ByteBuffer(string: "hello"))
                #expect(try await stream.readFrame(limit: 16) == ByteBuffer(string: "hello"))
            }
            await first.close()
            await second.close()
        }
    }
}
