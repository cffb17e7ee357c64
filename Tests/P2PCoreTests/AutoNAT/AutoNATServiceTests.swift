import NIOCore
import P2PWire
import Synchronization
import Testing

@testable import P2PCore

@Suite(.timeLimit(.minutes(1))) struct AutoNATServiceTests {
    private static let loopback = "/ip4/127.0.0.1/tcp/0"

    /// Two hosts that listen and offer AutoNAT; the second is connected to the first.
    private func withNeighbours(
        server: AutoNATService.Configuration = AutoNATService.Configuration(),
        _ body:
            @Sendable (
                _ server: Host, _ client: Host, _ peer: PeerInfo, _ autoNAT: AutoNATService
            ) async throws -> Void
    ) async throws {
        let address = try Multiaddr(Self.loopback)
        try await withTwoHosts(client: { $0.listenAddresses = [address] }) { serving, client, peer in
            let answering = AutoNATService(host: serving, configuration: server)
            let autoNAT = AutoNATService(host: client)
            try await client.connect(to: peer)
            try await body(serving, client, peer, autoNAT)
            withExtendedLifetime(answering) {}
        }
    }

    @Test func `a peer dials back over a connection of its own, which does not stay`() async throws {
        try await self.withNeighbours { server, client, peer, autoNAT in
            let own = client.listenAddresses
            let result = try await autoNAT.ask(peer, toDial: own)
            #expect(result == .reached(own[0]))
            #expect(autoNAT.reachability.verdict(now: .now) == .reachable(own))
            // The server closed it before it answered; the client hears of that a moment later.
            while client.connectionCount(with: server.peerID) > 1 { await Task.yield() }
            _ = try await client.ping(server.peerID)
        }
    }

    @Test func `a peer that nobody answers at its address learns so`() async throws {
        try await self.withNeighbours { _, _, peer, autoNAT in
            // Nothing listens on the discard port.
            let closed = try Multiaddr("/ip4/127.0.0.1/tcp/9")
            #expect(try await autoNAT.ask(peer, toDial: [closed]) == .notReached(closed))
        }
    }

    @Test func `somebody else at the address is no success`() async throws {
        try await self.withNeighbours { server, _, peer, autoNAT in
            let foreign = server.listenAddresses[0]
            let result = try await autoNAT.ask(peer, toDial: [foreign])
            #expect(result == .notReached(foreign))
        }
    }

    @Test func `addresses that a stranger may not have dialled are refused`() async throws {
        try await self.withNeighbours { _, _, peer, autoNAT in
            let addresses = [try Multiaddr("/ip4/10.0.0.1/tcp/4801"), try Multiaddr("/dns4/example.com/tcp/1")]
            #expect(try await autoNAT.ask(peer, toDial: addresses) == .refused)
        }
    }

    @Test func `a foreign address is dialled after the data that it costs`() async throws {
        var configuration = AutoNATService.Configuration()
        configuration.dialsSites = true
        try await self.withNeighbours(server: configuration) { server, client, peer, _ in
            // The address is not tried to the end: it leads nowhere. What counts is what is asked for it.
            let stream = try await client.openStream(.autoNATDialRequest, to: peer)
            let address = try Multiaddr("/ip4/10.255.255.1/tcp/9")
            try await stream.write(.dialRequest(addresses: [address], nonce: 1))
            guard case .dialDataRequest(0, let count) = try await stream.readAutoNATMessage() else {
                Issue.record("no data was asked for")
                return
            }
            #expect(P2PWire.Limits.autoNATData.contains(count))
            stream.reset()
        }
    }

    @Test func `a peer asks so often and no more`() async throws {
        try await self.withNeighbours { _, _, peer, autoNAT in
            let addresses = [try Multiaddr("/ip4/10.0.0.1/tcp/4801")]
            for _ in 0..<Limits.dialRequestsPerMinuteOfPeer {
                #expect(try await autoNAT.ask(peer, toDial: addresses) == .refused)
            }
            #expect(try await autoNAT.ask(peer, toDial: addresses) == .busy)
        }
    }

    @Test(arguments: [.ok, .dialBackError] as [AutoNATMessage.DialStatus])
    func `a claim without proof is no success`(claim: AutoNATMessage.DialStatus) async throws {
        let address = try Multiaddr(Self.loopback)
        try await withTwoHosts(client: { $0.listenAddresses = [address] }) { server, client, peer in
            server.handle(.autoNATDialRequest, limit: 1) { stream in
                _ = try await stream.readAutoNATMessage()
                try await stream.write(.dialResponse(.dialed(addressIndex: 0, claim)))
            }
            var configuration = AutoNATService.Configuration()
            configuration.proofPatience = .milliseconds(1)
            let autoNAT = AutoNATService(host: client, configuration: configuration)
            await #expect(throws: P2PError.self) { try await autoNAT.ask(peer, toDial: client.listenAddresses) }
            #expect(autoNAT.reachability.verdict(now: .now) == .unknown)
        }
    }

    @Test func `a connection of its own is lent to nobody, and gone afterwards`() async throws {
        try await withTwoHosts { server, client, peer in
            try await client.connect(to: peer)
            let shared = client.state.withLock { $0.connection(to: peer.id) }
            try await client.withSeparateConnection(to: peer.id, at: peer.addresses[0]) {
                (own) async throws(P2PError) in
                #expect(own !== shared)
                #expect(client.connectionCount(with: peer.id) == 1)
                // It carries streams all the same.
                let stream = try await own.openStream(Ping.protocolID, lazily: false)
                try await stream.write(ByteBuffer(repeating: 7, count: 32))
                _ = try await stream.read(exactly: 32)
                await stream.close()
            }
            while server.connectionCount(with: client.peerID) > 1 { await Task.yield() }
            #expect(client.state.withLock { $0.connection(to: peer.id) } === shared)
        }
    }

    @Test func `a proof counts, whatever the answer says`() async throws {
        let address = try Multiaddr(Self.loopback)
        try await withTwoHosts(client: { $0.listenAddresses = [address] }) { server, client, peer in
            server.handle(.autoNATDialRequest, limit: 1) { stream in
                guard case .dialRequest(_, let nonce) = try await stream.readAutoNATMessage() else { return }
                let back = try await server.openStream(.autoNATDialBack, to: PeerInfo(id: client.peerID, addresses: []))
                try await back.writeFrame(ByteBuffer(bytes: DialBack(nonce: nonce).bytes))
                #expect(try await back.readFrame(limit: 16).readableBytes == 0)
                try await stream.write(.dialResponse(.dialed(addressIndex: 0, .dialBackError)))
            }
            let autoNAT = AutoNATService(host: client)
            let own = client.listenAddresses
            let result = try await autoNAT.ask(peer, toDial: own)
            #expect(result == .reached(own[0]))
        }
    }

    @Test func `a guessed address that two peers reach is told to all, until it is reached no more`() async throws {
        let listen = try Multiaddr(Self.loopback)
        let guess = try Multiaddr("/ip4/127.0.0.2/tcp/4801")
        try await withTwoHosts(client: { $0.listenAddresses = [listen] }) { server, client, peer in
            server.handle(.autoNATDialRequest, limit: 1) { stream in
                guard case .dialRequest(_, let nonce) = try await stream.readAutoNATMessage() else { return }
                let back = try await server.openStream(.autoNATDialBack, to: PeerInfo(id: client.peerID, addresses: []))
                try await back.writeFrame(ByteBuffer(bytes: DialBack(nonce: nonce).bytes))
                _ = try await back.readFrame(limit: 16)
                try await stream.write(.dialResponse(.dialed(addressIndex: 0, .ok)))
            }
            let autoNAT = AutoNATService(host: client)
            let bound = client.listenAddresses
            _ = try await autoNAT.ask(peer, toDial: [guess])
            #expect(client.listenAddresses == bound)
            // A second peer says the same.
            autoNAT.note(guess, by: Identity().peerID, isReached: true)
            #expect(client.listenAddresses == bound + [guess])
            while server.identification(of: client.peerID)?.listenAddresses.contains(guess) != true {
                await Task.yield()
            }
            autoNAT.note(guess, by: Identity().peerID, isReached: false)
            #expect(client.listenAddresses == bound)
        }
    }

    @Test func `a nonce that nobody is waiting for is reset`() async throws {
        try await self.withNeighbours { _, client, peer, _ in
            let stream = try await client.openStream(.autoNATDialBack, to: peer)
            try await stream.writeFrame(ByteBuffer(bytes: DialBack(nonce: 1).bytes))
            await #expect(throws: P2PError.self) { try await stream.readFrame(limit: 16) }
        }
    }

    @Test func `a host asks its peers by itself and tells of what it learns`() async throws {
        let address = try Multiaddr(Self.loopback)
        try await withTwoHosts(client: { $0.listenAddresses = [address] }) { server, client, peer in
            let answering = AutoNATService(host: server)
            var configuration = AutoNATService.Configuration()
            configuration.firstProbe = .milliseconds(1)
            configuration.probeInterval = .milliseconds(10)
            let autoNAT = AutoNATService(host: client, configuration: configuration)
            let changes = autoNAT.changes
            try await client.connect(to: peer)
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await autoNAT.run() }
                for await change in changes {
                    #expect(change.verdict(now: .now) == .reachable(client.listenAddresses))
                    // A peer of this machine is no evidence of the world outside.
                    #expect(change.dialledFrom == .nobody)
                    break
                }
                group.cancelAll()
            }
            withExtendedLifetime(answering) {}
        }
    }
}
