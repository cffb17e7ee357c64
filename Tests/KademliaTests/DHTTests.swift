import NIOCore
import P2PCore
import P2PWire
import Testing

@testable import Kademlia

@Suite(.timeLimit(.minutes(1))) struct DHTTests {
    @Test func `nodes that start from one address find each other`() async throws {
        let start: (Int, [SwarmNode]) throws -> [Multiaddr] = { try $1.prefix(1).map { try $0.address } }
        try await withSwarm(servers: 6, upkeep: true, bootstrap: start) { nodes in
            let all = Set(nodes.map(\.host.peerID))
            for node in nodes {
                // A node that came later is met in the next lookup.
                while Set(await node.dht.peers.map(\.id)) != all.subtracting([node.host.peerID]) {
                    _ = await node.dht.closestPeers(to: node.host.peerID.bytes)
                }
            }
        }
    }

    @Test func `bootstrapping counts the peers met`() async throws {
        try await withSwarm(servers: 3) { nodes in
            let (last, first) = (try await nodes[2].dht.bootstrap(), try await nodes[0].dht.bootstrap())
            #expect([last.peerCount, first.peerCount] == [2, 0])
            #expect(last.failures.isEmpty && last.rounds > 0 && last.requestCount == 2)
        }
    }

    @Test func `bootstrapping names the addresses in vain, when others answer`() async throws {
        try await withHost(.quiet()) { server in
            let serving = DHT(host: server, configuration: .init())
            let closed = try Multiaddr("/ip4/127.0.0.1/tcp/1")
            try await withHost(.quiet()) { host in
                let dht = DHT(host: host, configuration: .init(bootstrap: [closed] + server.dialAddresses))
                let report = try await dht.bootstrap()
                #expect(report.peerCount == 1)
                #expect(report.failures.map(\.address) == [closed])
            }
            #expect(await serving.peers.isEmpty)
        }
    }

    @Test func `bootstrapping in vain names every address`() async throws {
        try await withHost(.quiet()) { stranger in
            // One port where nobody listens, one host that speaks no Kademlia.
            let closed = try Multiaddr("/ip4/127.0.0.1/tcp/1")
            let other = try #require(stranger.listenAddresses.first)
            try await withHost(.quiet()) { host in
                let dht = DHT(host: host, configuration: .init(bootstrap: [closed, other]))
                let error = await #expect(throws: DHTError.self) { try await dht.bootstrap() }
                #expect(error?.code == .bootstrapFailed)
                #expect(error?.message.contains(closed.description) == true)
                #expect(error?.message.contains(other.description) == true)
                #expect(error?.message.contains("/kwaai/kad/1.0.0") == true)
            }
        }
    }

    @Test func `its own address among the bootstrap addresses does no harm`() async throws {
        try await withHost(.quiet()) { host in
            let own = try #require(host.listenAddresses.first)
            let dht = DHT(host: host, configuration: .init(bootstrap: [own, own.appending(peer: host.peerID)]))
            #expect(try await dht.bootstrap().peerCount == 0)
        }
    }

    @Test func `a client is in nobody's table`() async throws {
        try await withSwarm(servers: 2, clients: 1, upkeep: true) { nodes in
            let client = nodes[2]
            _ = await client.dht.closestPeers(to: [1])
            #expect(await client.dht.peers.count == 2)
            for server in nodes.prefix(2) {
                await server.host.identified(client.host.peerID)
                #expect(await !server.dht.peers.contains { $0.id == client.host.peerID })
            }
        }
    }

    @Test func `a member that is gone leaves after a few checks`() async throws {
        try await withSettledSwarm(servers: 3) { nodes in
            await nodes[2].host.close()
            let later = NIODeadline.now() + .hours(1)
            for _ in 0..<2 { await nodes[0].dht.refresh(now: later) }
            #expect(await nodes[0].dht.peers.map(\.id) == [nodes[1].host.peerID])
        }
    }
}
