import Foundation
import NIOCore
import P2PWire
import Testing

@testable import P2PCore

/// What a peer gets from a real host beyond its limits.
@Suite(.timeLimit(.minutes(1))) struct ResourceLimitTests {
    @Test func `an address beyond its connections is closed before a word is said`() async throws {
        try await withTwoHosts(server: {
            $0.limits.networks.loopback = NetworkLimits.Bound(connections: 1, rate: Rate(perSecond: 1, burst: 9))
        }) { server, client, peer in
            try await client.connect(to: peer)
            try await withHost(.quiet) { other in
                let error = await #expect(throws: P2PError.self) { try await other.connect(to: peer) }
                #expect(error?.code == .handshakeFailed)
            }
            #expect(server.connectedPeers == [client.peerID])
            #expect(server.resources.refusals == [.network: 1])
        }
    }

    @Test func `a large message has room before it is read or is refused`() async throws {
        let (refusals, continuation) = AsyncStream.makeStream(of: P2PError.self, bufferingPolicy: .bufferingOldest(1))
        try await withTwoHosts(server: { $0.limits.peer.total.memory = 8 << 20 }) { server, client, peer in
            server.handle("/read", limit: 4) { stream in
                do throws(P2PError) {
                    try await stream.writeFrame(stream.readFrame(limit: 10 << 20))
                } catch {
                    continuation.yield(error)
                    throw error
                }
            }
            let small = try await client.openStream("/read", to: peer)
            try await small.writeFrame(ByteBuffer(repeating: 1, count: 1 << 20))
            #expect(try await small.readFrame(limit: 1 << 20).readableBytes == 1 << 20)
            let large = try await client.openStream("/read", to: peer)
            var length = ByteBuffer()
            length.writeUVarint(UInt64(10 << 20))
            try await large.write(length)
            await #expect(throws: P2PError.self) { try await large.read() }
            for await refusal in refusals {
                #expect(refusal.code == .limitReached)
                #expect(refusal.message.hasPrefix("\(client.peerID) has \(8 << 20) bytes of memory"))
                break
            }
        }
    }

    @Test func `a peer that does not read loses its stream and not the host's memory`() async throws {
        let (refusals, continuation) = AsyncStream.makeStream(of: P2PError.self, bufferingPolicy: .bufferingOldest(1))
        try await withTwoHosts(server: { $0.limits.connection.total.memory = 2 << 20 }) { server, client, peer in
            server.handle("/flood", limit: 1) { stream in
                do throws(P2PError) {
                    // More than one message that waits: the writer itself would stop at its high-water mark.
                    try await stream.write(ByteBuffer(repeating: 1, count: 4 << 20))
                    while true { try await stream.write(ByteBuffer(repeating: 1, count: 1 << 20)) }
                } catch {
                    continuation.yield(error)
                    throw error
                }
            }
            let stream = try await client.openStream("/flood", to: peer)
            for await refusal in refusals {
                #expect(refusal.code == .limitReached)
                break
            }
            let error = await #expect(throws: P2PError.self) { while try await stream.read() != nil {} }
            #expect(error?.code == .streamReset)
            #expect(server.connectionCount(with: client.peerID) == 1)
        }
    }

    @Test func `streams whose windows have no room are reset and the others live`() async throws {
        try await withTwoHosts(server: { $0.limits.connection.total.memory = 2 << 20 }) { server, client, peer in
            server.handle("/echo", limit: 64, echo)
            func tryEcho(_ stream: PeerStream) async throws {
                try await stream.writeFrame(ByteBuffer(string: "x"))
                #expect(try await stream.readFrame(limit: 1) == ByteBuffer(string: "x"))
            }
            var streams: [PeerStream] = []
            await #expect(throws: P2PError.self) {
                for _ in 0..<16 {
                    streams.append(try await client.openStream("/echo", to: peer))
                    try await tryEcho(streams[streams.count - 1])
                }
            }
            try await tryEcho(try #require(streams.first))
            #expect(client.connectionCount(with: server.peerID) == 1)
        }
    }

    @Test func `streams of this host beyond the peer's limit are refused with its number`() async throws {
        try await withTwoHosts(client: { $0.limits.peer.total.streams = 2 }) { server, client, peer in
            server.handle("/echo", limit: 64, echo)
            try await client.connect(to: peer)
            let error = await #expect(throws: P2PError.self) {
                var streams: [PeerStream] = []
                for _ in 0..<3 { streams.append(try await client.openStream("/echo", to: peer)) }
            }
            #expect(error?.code == .limitReached)
            #expect(error?.message.contains("has 2 streams") == true)
        }
    }

    @Test func `when all is over nothing is held`() async throws {
        try await withTwoHosts { server, client, peer in
            server.handle("/echo", limit: 64, echo)
            for _ in 0..<20 {
                let stream = try await client.openStream("/echo", to: peer)
                try await stream.writeFrame(ByteBuffer(repeating: 7, count: 200_000))
                #expect(try await stream.readFrame(limit: 200_000).readableBytes == 200_000)
                await stream.close()
            }
            #expect(server.resources.usage(of: client.peerID).inbound.connections == 1)
            await client.disconnect(server.peerID)
            // What a served stream holds is free once its task has ended, soon after the connection.
            while server.resources.system != ResourceUsage() || client.resources.system != ResourceUsage() {
                await Task.yield()
            }
            #expect(server.resources.peers.isEmpty && server.resources.protocols.isEmpty)
        }
    }

    @Test func `a closed connection no longer counts and its memory does while a stream is held`() async throws {
        try await withTwoHosts { server, client, peer in
            server.handle("/echo", limit: 64, echo)
            let stream = try await client.openStream("/echo", to: peer)
            await client.disconnect(server.peerID)
            let held = client.resources.system.outbound
            #expect(held.connections == 0)
            #expect(held.memory >= Limits.connectionMemory)
            withExtendedLifetime(stream) {}
        }
    }

    @Test func `a snapshot says what is held and travels as JSON`() async throws {
        try await withTwoHosts { server, client, peer in
            server.handle("/echo", limit: 64, echo)
            let stream = try await client.openStream("/echo", to: peer)
            let snapshot = server.resources
            #expect(snapshot.usage(of: "/echo").inbound.streams == 1)
            #expect(snapshot.usage(of: client.peerID).inbound.connections == 1)
            #expect(snapshot.system.inbound.connections == 1)
            let decoded = try JSONDecoder().decode(ResourceSnapshot.self, from: JSONEncoder().encode(snapshot))
            #expect(decoded == snapshot)
            await stream.close()
        }
    }
}
