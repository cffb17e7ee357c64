import NIOCore
import P2PCore
import P2PWire
import Testing

@testable import Kademlia
@testable import KademliaCore

/// The protocol as a foreign implementation sees it: bytes on a stream.
@Suite(.timeLimit(.minutes(1))) struct DHTServiceTests {
    private static let protocolID: ProtocolID = "/kwaai/kad/1.0.0"

    /// A server, and a host without a DHT that talks to it by hand.
    private func withServer(_ body: (SwarmNode, Host) async throws -> Void) async throws {
        try await withSwarm(servers: 1) { nodes in
            try await withHost(.quiet()) { stranger in try await body(nodes[0], stranger) }
        }
    }

    private func send(_ message: Message, on stream: PeerStream) async throws {
        try await stream.writeFrame(message.encoded())
    }

    private func answer(on stream: PeerStream) async throws -> Message {
        try Message(bytes: try await stream.readFrame(limit: 1 << 16))
    }

    @Test func `many requests on one stream are answered in order`() async throws {
        try await self.withServer { server, stranger in
            let stream = try await stranger.openStream(Self.protocolID, to: server.info)
            let own = server.host.peerID.bytes
            // Two at once, one of them without an answer, then one more.
            try await self.send(Message(.findNode, key: own), on: stream)
            let provider = PeerInfo(id: stranger.peerID, addresses: stranger.listenAddresses)
            try await self.send(Message(.addProvider, key: [1, 2], providerPeers: [provider]), on: stream)
            try await self.send(Message(.getProviders, key: [1, 2]), on: stream)
            #expect(try await self.answer(on: stream).closerPeers == [server.info])
            #expect(try await self.answer(on: stream).providerPeers == [provider])
            try await self.send(Message(.ping), on: stream)
            #expect(try await self.answer(on: stream) == Message(.ping))
            try await stream.closeWrite()
            #expect(try await stream.read() == nil)
        }
    }

    @Test func `a refused request resets its stream and leaves the connection`() async throws {
        try await self.withServer { server, stranger in
            let alien = Record(key: Array("/x/y".utf8), value: [1])
            for message in [Message(.putValue, key: alien.key, record: alien), Message(.addProvider, key: [1])] {
                let stream = try await stranger.openStream(Self.protocolID, to: server.info)
                try await self.send(message, on: stream)
                await #expect(throws: P2PError.self) { try await self.answer(on: stream) }
            }
            let next = try await stranger.openStream(Self.protocolID, to: server.info)
            try await self.send(Message(.ping), on: next)
            #expect(try await self.answer(on: next) == Message(.ping))
            #expect(stranger.connectedPeers == [server.host.peerID])
        }
    }

    @Test func `bytes that are no message, and a length beyond the bound, reset the stream`() async throws {
        try await self.withServer { server, stranger in
            var oversized = ByteBuffer()
            oversized.writeUVarint(UInt64(KademliaCore.Limits.messageSize + 1))
            for bytes in [ByteBuffer(bytes: [3, 0xff, 0xff, 0xff]), oversized] {
                let stream = try await stranger.openStream(Self.protocolID, to: server.info)
                try await stream.write(bytes)
                await #expect(throws: P2PError.self) { try await self.answer(on: stream) }
            }
            #expect(stranger.connectedPeers == [server.host.peerID])
        }
    }

    @Test func `a peer that asks faster than it may has its stream reset, and nobody else has`() async throws {
        try await self.withServer { server, stranger in
            let ping = Message(.ping).encoded()
            func requests(_ count: Int) -> ByteBuffer {
                var bytes = ByteBuffer()
                for _ in 0..<count {
                    bytes.writeUVarint(UInt64(ping.readableBytes))
                    bytes.writeImmutableBuffer(ping)
                }
                return bytes
            }
            let stream = try await stranger.openStream(Self.protocolID, to: server.info)
            let burst = Int(KademliaCore.Limits.requestAllowance.burst)
            try await stream.write(requests(burst))
            for _ in 0..<burst { #expect(try await self.answer(on: stream) == Message(.ping)) }
            // At the rate that comes back so many would take two minutes.
            let tooMany = 120 * Int(KademliaCore.Limits.requestAllowance.perSecond)
            try await stream.write(requests(tooMany))
            let error = await #expect(throws: P2PError.self) {
                for _ in 0..<tooMany { _ = try await self.answer(on: stream) }
            }
            #expect(error?.code == .streamReset)
            #expect(stranger.connectedPeers == [server.host.peerID])
            try await withHost(.quiet()) { other in
                let stream = try await other.openStream(Self.protocolID, to: server.info)
                try await self.send(Message(.ping), on: stream)
                #expect(try await self.answer(on: stream) == Message(.ping))
            }
        }
    }

    @Test func `a server that runs lists the protocol in Identify, a client does not`() async throws {
        try await withSwarm(servers: 1, clients: 1) { nodes in
            let (server, client) = (nodes[0], nodes[1])
            await server.host.identified(client.host.peerID)
            await client.host.identified(server.host.peerID)
            let ofServer = client.host.identification(of: server.host.peerID)
            let ofClient = server.host.identification(of: client.host.peerID)
            #expect(ofServer?.protocols.contains(Self.protocolID) == true)
            #expect(ofClient?.protocols.contains(Self.protocolID) == false)
        }
    }

    @Test func `names a client that it is connected to, when that is asked for`() async throws {
        try await self.withServer { server, stranger in
            try await stranger.connect(to: server.info)
            await server.host.identified(stranger.peerID)
            try await withHost(.quiet()) { other in
                let stream = try await other.openStream(Self.protocolID, to: server.info)
                try await self.send(Message(.findNode, key: stranger.peerID.bytes), on: stream)
                #expect(try await self.answer(on: stream).closerPeers.map(\.id) == [stranger.peerID])
            }
        }
    }
}
