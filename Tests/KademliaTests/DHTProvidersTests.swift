import NIOCore
import P2PCore
import P2PWire
import Testing

@testable import Kademlia
@testable import KademliaCore

@Suite(.timeLimit(.minutes(1))) struct DHTProvidersTests {
    private let key: [UInt8] = [0x12, 0x20] + Array(repeating: 7, count: 32)

    @Test func `what some provide, a client finds, with addresses`() async throws {
        try await withSettledSwarm(servers: 6, clients: 1) { nodes in
            #expect(try await nodes[1].dht.provide(self.key) == 5)
            #expect(try await nodes[4].dht.provide(self.key) == 5)
            let found = try await nodes[6].dht.providers(of: self.key)
            #expect(Set(found) == [nodes[1].info, nodes[4].info])
            #expect(try await nodes[6].dht.providers(of: [1]).isEmpty)
        }
    }

    @Test func `a provider finds itself, too`() async throws {
        try await withSettledSwarm(servers: 2) { nodes in
            _ = try await nodes[0].dht.provide(self.key)
            #expect(try await nodes[0].dht.providers(of: self.key) == [nodes[0].info])
        }
    }

    @Test func `alone it provides to nobody, and announces as soon as somebody comes`() async throws {
        try await withSwarm(servers: 2, bootstrap: { _, _ in [] }) { nodes in
            let holderCount = try await nodes[0].dht.provide(self.key)
            #expect(holderCount == 0)
            await nodes[0].dht.answered(nodes[1].info)
            await nodes[0].dht.keepUp()
            #expect(await nodes[1].dht.node.providers.count == 1)
        }
    }

    @Test func `announces anew when the interval is over, and not before`() async throws {
        try await withSettledSwarm(servers: 2) { nodes in
            _ = try await nodes[0].dht.provide(self.key)
            let holder = nodes[1].dht
            await holder.keepUp(now: .now() + .minutes(31))
            #expect(await holder.node.providers.count == 0)
            await nodes[0].dht.republish(now: .now() + .minutes(9))
            #expect(await holder.node.providers.count == 0)
            await nodes[0].dht.republish(now: .now() + .minutes(11))
            #expect(await holder.node.providers.count == 1)
        }
    }

    @Test func `tells a newcomer at once what it provides near it`() async throws {
        try await withSwarm(servers: 2, bootstrap: { _, _ in [] }) { nodes in
            _ = try await nodes[0].dht.provide(self.key)
            try await nodes[0].host.connect(to: nodes[1].info)
            await nodes[0].host.identified(nodes[1].host.peerID)
            await nodes[0].dht.checkNewcomer(nodes[1].host.peerID)
            #expect(await nodes[1].dht.node.providers.count == 1)
            // It is told once for each of its connections.
            await nodes[1].dht.keepUp(now: .now() + .minutes(31))
            await nodes[0].dht.checkNewcomer(nodes[1].host.peerID)
            #expect(await nodes[1].dht.node.providers.count == 0)
        }
    }

    @Test func `who provides in a small swarm reaches again whom it has lost`() async throws {
        try await withSettledSwarm(servers: 2) { nodes in
            let peer = nodes[1].host.peerID
            #expect(await nodes[0].dht.lost(peer) == nil)
            _ = try await nodes[0].dht.provide(self.key)
            await nodes[0].host.disconnect(peer)
            let lost = try #require(await nodes[0].dht.lost(peer))
            await nodes[0].dht.reach(lost, after: [.zero])
            #expect(nodes[0].host.connectedPeers == [peer])
        }
    }

    @Test func `what is no longer provided is not announced anew`() async throws {
        try await withSettledSwarm(servers: 2) { nodes in
            _ = try await nodes[0].dht.provide(self.key)
            await nodes[0].dht.stopProviding(self.key)
            #expect(await nodes[0].dht.node.providers.count == 0)
            await nodes[1].dht.keepUp(now: .now() + .minutes(31))
            await nodes[0].dht.republish(now: .now() + .minutes(11))
            #expect(try await nodes[0].dht.providers(of: self.key).isEmpty)
        }
    }

    @Test func `says what is wrong with a key, a host without address, an empty swarm`() async throws {
        try await withSettledSwarm(servers: 1, clients: 1) { nodes in
            let badKey = await #expect(throws: DHTError.self) { try await nodes[0].dht.provide([]) }
            #expect(badKey?.code == .invalidRecord)
            let noAddress = await #expect(throws: DHTError.self) { try await nodes[1].dht.provide(self.key) }
            #expect(noAddress?.code == .noAddress)
            let noPeers = await #expect(throws: DHTError.self) { try await nodes[0].dht.providers(of: self.key) }
            #expect(noPeers?.code == .noPeers)
        }
    }
}
