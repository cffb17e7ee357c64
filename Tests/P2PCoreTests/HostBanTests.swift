import NIOCore
import P2PWire
import Synchronization
import Testing

@testable import P2PCore

/// Whom a host refuses, and whom it does not dial.
@Suite(.timeLimit(.minutes(1))) struct HostBanTests {
    @Test func `a banned peer is cut off and neither let in nor dialled`() async throws {
        try await withTwoHosts { server, client, peer in
            try await client.connect(to: peer)
            await server.ban(client.peerID, for: .seconds(600), reason: "it lied")
            #expect(server.connectedPeers.isEmpty)
            await client.waitForEnd(of: server.peerID)
            let refused = await #expect(throws: P2PError.self) { try await client.connect(to: peer) }
            #expect(refused?.code == .handshakeFailed || refused?.code == .connectionLost)
            let away = PeerInfo(id: client.peerID, addresses: peer.addresses)
            let error = await #expect(throws: P2PError.self) { try await server.connect(to: away) }
            #expect(error?.code == .banned)
            #expect(error?.message.contains("it lied") == true)
            #expect(server.bans.map(\.subject) == ["\(client.peerID)"])
            server.unban(client.peerID)
            try await client.connect(to: peer, ignoringBackoff: true)
            #expect(server.bans.isEmpty)
        }
    }

    @Test func `nobody of a banned network is let in or dialled`() async throws {
        try await withTwoHosts { server, client, peer in
            try await client.connect(to: peer)
            try await server.ban(networkOf: peer.addresses[0], for: .seconds(600), reason: "a flood")
            #expect(server.connectedPeers.isEmpty)
            await client.waitForEnd(of: server.peerID)
            await #expect(throws: P2PError.self) { try await client.connect(to: peer) }
            try await client.ban(networkOf: peer.addresses[0], for: .seconds(600), reason: "a flood")
            let error = await #expect(throws: P2PError.self) {
                try await client.connect(to: peer, ignoringBackoff: true)
            }
            #expect(error?.code == .banned)
            #expect(server.bans.map(\.subject) == ["127.0.0.1/32"])
            server.unban(networkOf: peer.addresses[0])
            client.unban(networkOf: peer.addresses[0])
            try await client.connect(to: peer, ignoringBackoff: true)
        }
    }

    @Test func `a name cannot be banned`() async throws {
        let host = Host(configuration: .quiet)
        let name = try Multiaddr("/dns4/example.org/tcp/1")
        await #expect(throws: P2PError.self) { try await host.ban(networkOf: name, for: .seconds(1), reason: "") }
    }

    @Test func `a peer that breaks the protocol again and again is banned and one that resets is not`() async throws {
        try await withTwoHosts { server, client, peer in
            server.handle("/echo", limit: 4, echo)
            for _ in 0..<10 {
                let stream = try await client.openStream("/echo", to: peer)
                stream.reset()
            }
            #expect(server.bans.isEmpty)
            for _ in 0..<Limits.offencesForBan {
                #expect(server.bans.isEmpty)
                try await client.connect(to: peer)
                try await client.breakProtocol(with: server.peerID)
                await client.waitForEnd(of: server.peerID)
            }
            // The offence is noted a moment after the goodbye that ended the connection.
            while server.bans.isEmpty { await Task.yield() }
            #expect(server.bans.map(\.subject) == ["\(client.peerID)"])
            #expect(server.bans.first?.reason.contains("broke the protocol") == true)
        }
    }

    @Test func `a peer that cannot be reached is left alone for a while unless a person asks`() async throws {
        try await withTwoHosts { server, client, peer in
            let dead = PeerInfo(id: server.peerID, addresses: [try Multiaddr("/ip4/127.0.0.1/tcp/1")])
            let first = await #expect(throws: P2PError.self) { try await client.connect(to: dead) }
            #expect(first?.code == .dialFailed)
            let second = await #expect(throws: P2PError.self) { try await client.connect(to: dead) }
            #expect(second?.code == .backedOff)
            #expect(second?.message.contains("again in") == true)
            let byHand = await #expect(throws: P2PError.self) {
                try await client.connect(to: dead, ignoringBackoff: true)
            }
            #expect(byHand?.code == .dialFailed)
            _ = try await client.dial(peer.addresses[0].appending(peer: server.peerID))
            await client.disconnect(server.peerID)
            await server.waitForEnd(of: client.peerID)
            try await client.connect(to: peer)
        }
    }

    @Test func `a wrong identity counts against that identity and not against who is there`() async throws {
        try await withTwoHosts { server, client, peer in
            let wrong = PeerInfo(id: Identity().peerID, addresses: peer.addresses)
            let first = await #expect(throws: P2PError.self) { try await client.connect(to: wrong) }
            #expect(first?.code == .wrongPeer)
            let second = await #expect(throws: P2PError.self) { try await client.connect(to: wrong) }
            #expect(second?.code == .backedOff)
            try await client.connect(to: peer)
            #expect(client.bans.isEmpty)
        }
    }
}

extension Host {
    /// Returns when this host, too, has seen that the connections to the peer are over.
    fileprivate func waitForEnd(of peer: PeerID) async {
        while self.connectionCount(with: peer) > 0 { await Task.yield() }
    }

    /// Sends bytes over an authenticated connection that no honest peer sends.
    fileprivate func breakProtocol(with peer: PeerID) async throws {
        guard let connection = self.state.withLock({ $0.connections[peer]?.first }) else { return }
        try await connection.channel.eventLoop.submit {
            var garbage = ByteBuffer()
            garbage.writeInteger(UInt16(32))
            garbage.writeRepeatingByte(0xee, count: 32)
            // A Noise message that no key has sealed.
            connection.channel.writeAndFlush(garbage, promise: nil)
        }.get()
    }
}
