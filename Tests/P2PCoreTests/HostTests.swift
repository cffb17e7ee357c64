import Logging
import NIOCore
import P2PWire
import Synchronization
import Testing

@testable import P2PCore

/// Two hosts over loopback.
@Suite(.timeLimit(.minutes(1))) struct HostTests {
    // MARK: Streams

    @Test func `an echo of one mebibyte comes back whole`() async throws {
        try await withTwoHosts { server, client, peer in
            server.handle("/echo", limit: 4, echo)
            let stream = try await client.openStream("/echo", to: peer)
            let sent = ByteBuffer(bytes: (0..<1 << 20).map { UInt8(truncatingIfNeeded: $0 &* 31) })
            async let received = stream.read(exactly: sent.readableBytes)
            try await stream.write(sent)
            try await stream.closeWrite()
            #expect(try await received == sent)
            #expect(try await stream.read() == nil)
        }
    }

    @Test func `64 streams at once share one connection`() async throws {
        try await withTwoHosts { server, client, peer in
            server.handle("/echo", limit: 64, echo)
            try await withThrowingTaskGroup { group in
                for index in 0..<64 {
                    group.addTask {
                        let stream = try await client.openStream("/echo", to: peer)
                        let sent = ByteBuffer(repeating: UInt8(index), count: 10_000 + index)
                        try await stream.writeFrame(sent)
                        #expect(try await stream.readFrame(limit: 20_000) == sent)
                        await stream.close()
                    }
                }
                try await group.waitForAll()
            }
            #expect(server.connectionCount(with: client.peerID) == 1)
        }
    }

    @Test func `a slow reader stops its writer`() async throws {
        try await withTwoHosts { server, client, peer in
            let (pace, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
            server.handle("/slow", limit: 1) { stream in
                for await _ in pace { break }
                let received = try await stream.read(exactly: 8 << 20)
                try await stream.writeFrame(ByteBuffer(string: "\(received.readableBytes)"))
            }
            let stream = try await client.openStream("/slow", to: peer)
            let written = Mutex(0)
            async let writing: Void = {
                for _ in 0..<128 {
                    try await stream.write(ByteBuffer(repeating: 1, count: 1 << 16))
                    written.withLock { $0 += 1 << 16 }
                }
            }()
            // The writer stops once the remote's window and its own queue are full; only then may the reader begin.
            while written.withLock({ $0 }) < 256 * 1024 { await Task.yield() }
            for _ in 0..<1000 { await Task.yield() }
            #expect(written.withLock { $0 } <= 2 << 20)
            continuation.yield()
            try await writing
            #expect(try await stream.readFrame(limit: 100) == ByteBuffer(string: "\(8 << 20)"))
        }
    }

    @Test func `half a stream lives on after the other has ended`() async throws {
        try await withTwoHosts { server, client, peer in
            server.handle("/late", limit: 1) { stream in
                while try await stream.read() != nil {}
                try await stream.write(ByteBuffer(string: "after the end"))
            }
            let stream = try await client.openStream("/late", to: peer)
            try await stream.closeWrite()
            #expect(try await stream.read(exactly: 13) == ByteBuffer(string: "after the end"))
            #expect(try await stream.read() == nil)
        }
    }

    @Test func `an orderly end in the middle of a message is not a reset`() async throws {
        try await withTwoHosts { server, client, peer in
            server.handle("/ends", limit: 1) { stream in try await stream.write(ByteBuffer(bytes: [5, 1])) }
            server.handle("/resets", limit: 1) { _ in throw P2PError(.malformed, "on purpose") }
            let ending = try await client.openStream("/ends", to: peer)
            let end = await #expect(throws: P2PError.self) { try await ending.readFrame(limit: 10) }
            #expect(end?.code == .unexpectedEnd)
            let resetting = try await client.openStream("/resets", to: peer)
            let reset = await #expect(throws: P2PError.self) { try await resetting.read() }
            #expect(reset?.code == .streamReset)
        }
    }

    @Test func `a frame above its limit is refused before it is read`() async throws {
        try await withTwoHosts { server, client, peer in
            server.handle("/echo", limit: 1, echo)
            let stream = try await client.openStream("/echo", to: peer)
            try await stream.writeFrame(ByteBuffer(repeating: 1, count: 11))
            let error = await #expect(throws: P2PError.self) { try await stream.readFrame(limit: 10) }
            #expect(error?.code == .limitReached)
        }
    }

    @Test func `an unknown protocol costs the stream and not the connection`() async throws {
        try await withTwoHosts { server, client, peer in
            server.handle("/echo", limit: 1, echo)
            let error = await #expect(throws: P2PError.self) { try await client.openStream("/none", to: peer) }
            #expect(error?.code == .unsupportedProtocol)
            _ = try await client.openStream("/echo", to: peer)
            #expect(client.connectionCount(with: server.peerID) == 1)
        }
    }

    @Test func `a protocol that is no longer spoken shows at the first read and costs the stream alone`() async throws {
        try await withTwoHosts { server, client, peer in
            try await client.connect(to: peer)
            let connection = try await client.connection(to: peer)
            let stream = try await connection.openStream("/gone", lazily: true)
            // The refusal may be there before the payload, when other traffic took the proposal along.
            let error = await #expect(throws: P2PError.self) {
                try await stream.write(ByteBuffer(string: "request"))
                _ = try await stream.read()
            }
            #expect(error?.code == .unsupportedProtocol)
            server.handle("/echo", limit: 1, echo)
            _ = try await client.openStream("/echo", to: peer)
            #expect(client.connectionCount(with: server.peerID) == 1)
        }
    }

    @Test func `a reader alone sends the proposal that waited for a payload`() async throws {
        try await withTwoHosts { server, client, peer in
            server.handle("/speaks-first", limit: 1) { stream in try await stream.writeFrame(ByteBuffer(string: "hi")) }
            let connection = try await client.connection(to: peer)
            let stream = try await connection.openStream("/speaks-first", lazily: true)
            #expect(try await stream.readFrame(limit: 2) == ByteBuffer(string: "hi"))
        }
    }

    @Test func `an empty message is a message`() async throws {
        try await withTwoHosts { server, client, peer in
            server.handle("/echo", limit: 1, echo)
            let stream = try await client.openStream("/echo", to: peer)
            try await stream.writeFrame(ByteBuffer())
            try await stream.closeWrite()
            #expect(try await stream.readFrame(limit: 0) == ByteBuffer())
        }
    }

    @Test func `a stream above the limit of its protocol is reset`() async throws {
        try await withTwoHosts { server, client, peer in
            server.handle("/echo", limit: 1, echo)
            let first = try await client.openStream("/echo", to: peer)
            // Once Identify has told that the peer speaks it, a stream opens at once and its first read says how it went.
            let error = await #expect(throws: P2PError.self) {
                let second = try await client.openStream("/echo", to: peer)
                _ = try await second.read()
            }
            #expect(error?.code == .streamReset)
            await first.close()
        }
    }

    @Test func `a stream that is let go is reset`() async throws {
        try await withTwoHosts { server, client, peer in
            let (ends, continuation) = AsyncStream.makeStream(of: P2PError.self, bufferingPolicy: .bufferingOldest(1))
            server.handle("/kept", limit: 1) { stream in
                do throws(P2PError) {
                    _ = try await stream.read(exactly: 10)
                } catch {
                    continuation.yield(error)
                }
            }
            _ = try await client.openStream("/kept", to: peer)
            for await error in ends {
                #expect(error.code == .streamReset)
                break
            }
        }
    }

    // MARK: Cancellation

    @Test func `a cancelled reader wakes`() async throws {
        try await withTwoHosts { server, client, peer in
            server.handle("/echo", limit: 1, echo)
            let stream = try await client.openStream("/echo", to: peer)
            await expectCancellation { _ = try await stream.read() }
        }
    }

    @Test func `a cancelled writer wakes`() async throws {
        try await withTwoHosts { server, client, peer in
            server.handle("/deaf", limit: 1) { _ in try await Task.sleep(for: .seconds(60)) }
            let stream = try await client.openStream("/deaf", to: peer)
            await expectCancellation { try await stream.write(ByteBuffer(repeating: 0, count: 2 << 20)) }
        }
    }

    @Test func `a cancelled dial wakes`() async throws {
        try await withTwoHosts(server: { $0.timeouts.upgrade = .seconds(50) }) { _, client, _ in
            let silent = try await SilentListener.bind()
            let peer = PeerInfo(id: Identity().peerID, addresses: [silent.address])
            await expectCancellation { _ = try await client.openStream("/echo", to: peer) }
            await silent.close()
        }
    }

    // MARK: Who is there

    @Test func `another peer at the address is named`() async throws {
        try await withTwoHosts { server, client, peer in
            let wrong = PeerInfo(id: Identity().peerID, addresses: peer.addresses)
            let error = await #expect(throws: P2PError.self) { try await client.connect(to: wrong) }
            #expect(error?.code == .wrongPeer)
            #expect(error?.message.contains(server.peerID.description) == true)
            #expect(client.connectedPeers.isEmpty)
        }
    }

    @Test func `a peer that we do not allow is not dialed`() async throws {
        try await withTwoHosts(client: { $0.allowedPeers = [] }) { _, client, peer in
            let error = await #expect(throws: P2PError.self) { try await client.connect(to: peer) }
            #expect(error?.code == .notAllowed)
        }
    }

    @Test func `a peer that does not allow us says no more than goodbye`() async throws {
        try await withTwoHosts(server: { $0.allowedPeers = [] }) { server, client, peer in
            let error = await #expect(throws: P2PError.self) { try await client.connect(to: peer) }
            #expect(error?.code == .handshakeFailed)
            #expect(server.connectedPeers.isEmpty)
        }
    }

    @Test func `an address alone tells who is there`() async throws {
        try await withTwoHosts { server, client, peer in
            let unnamed = try await client.dial(peer.addresses[0])
            let named = try await client.dial(peer.addresses[0].appending(peer: server.peerID))
            #expect(unnamed == server.peerID && named == server.peerID)
            #expect(client.connectedPeers == [server.peerID])
            #expect(client.addresses(of: server.peerID) == peer.addresses)
        }
    }

    @Test func `a host does not dial itself`() async throws {
        try await withTwoHosts { server, _, peer in
            let named = await #expect(throws: P2PError.self) { try await server.connect(to: peer) }
            let unnamed = await #expect(throws: P2PError.self) { try await server.dial(peer.addresses[0]) }
            #expect(named?.code == .dialFailed && unnamed?.code == .dialFailed)
        }
    }

    // MARK: Dialing

    @Test func `a dead address does not keep a live one waiting`() async throws {
        try await withTwoHosts(client: { $0.timeouts.dialStagger = .seconds(50) }) { server, client, peer in
            server.handle("/echo", limit: 1, echo)
            let dead = try Multiaddr("/ip4/127.0.0.1/tcp/1")
            _ = try await client.openStream("/echo", to: PeerInfo(id: peer.id, addresses: [dead] + peer.addresses))
        }
    }

    @Test func `a refused connection names the address`() async throws {
        try await withTwoHosts { _, client, _ in
            let dead = try Multiaddr("/ip4/127.0.0.1/tcp/1")
            let error = await #expect(throws: P2PError.self) { try await client.dial(dead) }
            #expect(error?.code == .dialFailed)
            #expect(error?.message.contains("/ip4/127.0.0.1/tcp/1") == true)
        }
    }

    @Test func `many who ask for one peer dial it once`() async throws {
        try await withTwoHosts { server, client, peer in
            server.handle("/echo", limit: 16, echo)
            try await withThrowingTaskGroup { group in
                for _ in 0..<16 { group.addTask { try await client.connect(to: peer) } }
                try await group.waitForAll()
            }
            #expect(client.connectionCount(with: server.peerID) == 1)
        }
    }

    @Test func `a name is resolved`() async throws {
        try await withTwoHosts { server, client, peer in
            let port = try #require(peer.addresses[0].tcpEndpoint?.port)
            let found = try await client.dial(Multiaddr("/dns4/localhost/tcp/\(port)"))
            #expect(found == server.peerID)
        }
    }

    @Test func `both may dial each other and keep both connections`() async throws {
        try await withTwoHosts(client: { $0.listenAddresses = (try? [Multiaddr("/ip4/127.0.0.1/tcp/0")]) ?? [] }) {
            server,
            client,
            peer in
            let back = PeerInfo(id: client.peerID, addresses: client.listenAddresses)
            let (there, here) = (try await client.dial(peer.addresses[0]), try await server.dial(back.addresses[0]))
            #expect(there == server.peerID && here == client.peerID)
            #expect(client.connectionCount(with: server.peerID) == 2)
            server.handle("/echo", limit: 1, echo)
            let stream = try await client.openStream("/echo", to: peer)
            try await stream.writeFrame(ByteBuffer(string: "x"))
            #expect(try await stream.readFrame(limit: 1) == ByteBuffer(string: "x"))
        }
    }

    // MARK: Times and bounds

    @Test func `a connection without streams is closed after a while`() async throws {
        try await withTwoHosts(server: { $0.timeouts.idle = .milliseconds(20) }) { server, client, peer in
            let events = server.events
            // On a busy machine the server closes before the client has heard that it is welcome.
            try? await client.connect(to: peer)
            var seen: [HostEvent] = []
            for await event in events where event != .identified(client.peerID) {
                seen.append(event)
                if seen.count == 2 { break }
            }
            #expect(seen == [.connected(client.peerID), .disconnected(client.peerID)])
        }
    }

    @Test func `a peer that never answers the handshake is given up`() async throws {
        try await withTwoHosts(client: { $0.timeouts.upgrade = .milliseconds(50) }) { _, client, _ in
            let silent = try await SilentListener.bind()
            let error = await #expect(throws: P2PError.self) { try await client.dial(silent.address) }
            #expect(error?.code == .timedOut)
            await silent.close()
        }
    }

    @Test func `connections above the limit are refused`() async throws {
        try await withTwoHosts(server: { $0.limits.system.total.connections = 1 }) { server, client, peer in
            try await client.connect(to: peer)
            try await withHost(.quiet) { other in
                _ = await #expect(throws: P2PError.self) { try await other.connect(to: peer) }
            }
            #expect(server.connectedPeers == [client.peerID])
        }
    }

    @Test func `strangers above the limit are turned away and the others served`() async throws {
        try await withTwoHosts(server: { $0.limits.transient.inbound.connections = 0 }) { _, client, peer in
            let error = await #expect(throws: P2PError.self) { try await client.connect(to: peer) }
            #expect(error?.code == .handshakeFailed)
        }
    }

    @Test func `any frame is a sign of life`() async throws {
        try await withTwoHosts { server, client, peer in
            #expect(client.lastFrameAge(of: server.peerID) == nil)
            try await client.connect(to: peer)
            let age = try #require(client.lastFrameAge(of: server.peerID))
            #expect(age < .seconds(10))
        }
    }

    @Test func `a closed connection ends its streams with a word`() async throws {
        try await withTwoHosts { server, client, peer in
            server.handle("/echo", limit: 1, echo)
            let stream = try await client.openStream("/echo", to: peer)
            await server.disconnect(client.peerID)
            let error = await #expect(throws: P2PError.self) { try await stream.read() }
            #expect(error?.code == .connectionLost)
        }
    }

    // MARK: Listening

    @Test func `a port in use is named`() async throws {
        try await withTwoHosts { server, _, _ in
            var configuration = Host.Configuration.quiet
            configuration.listenAddresses = server.listenAddresses
            let second = Host(configuration: configuration)
            let error = await #expect(throws: P2PError.self) { try await second.start() }
            #expect(error?.code == .portInUse)
            let port = try #require(server.listenAddresses.first?.tcpEndpoint?.port)
            #expect(error?.message.contains("\(port)") == true)
        }
    }

    @Test func `a wildcard becomes the addresses of the interfaces`() async throws {
        try await withTwoHosts(server: { $0.listenAddresses = (try? [Multiaddr("/ip4/0.0.0.0/tcp/0")]) ?? [] }) {
            server,
            _,
            _ in
            #expect(!server.listenAddresses.isEmpty)
            #expect(server.listenAddresses.allSatisfy { !$0.description.contains("0.0.0.0") })
            #expect(server.listenAddresses.contains { $0.description.hasPrefix("/ip4/127.0.0.1/") })
        }
    }

    @Test func `a closed host refuses work with a word`() async throws {
        let host = Host(configuration: .quiet)
        try await host.start()
        await host.close()
        let peer = PeerInfo(id: Identity().peerID, addresses: [try Multiaddr("/ip4/127.0.0.1/tcp/1")])
        let error = await #expect(throws: P2PError.self) { try await host.connect(to: peer) }
        #expect(error?.code == .closed)
    }
}
