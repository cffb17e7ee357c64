import P2PCore
import P2PWire
import Testing

@testable import Kademlia
@testable import KademliaCore

@Suite(.timeLimit(.minutes(1))) struct DHTSearchTests {
    @Test func `finds the peers closest to a key, the closest first`() async throws {
        try await withSettledSwarm(servers: 6) { nodes in
            let target = KademliaKey(hashing: [7])
            let expected = nodes.dropFirst().map(\.host.peerID)
                .sorted { KademliaKey($0).distance(to: target) < KademliaKey($1).distance(to: target) }
            #expect(await nodes[0].dht.closestPeers(to: [7]).map(\.id) == expected)
        }
    }

    @Test func `finds a peer through others`() async throws {
        let chain: (Int, [SwarmNode]) throws -> [Multiaddr] = { try $1.suffix(1).map { try $0.address } }
        // Each node knows only the one before it: the first must be asked for through the second.
        try await withSwarm(servers: 3, bootstrap: chain) { nodes in
            await nodes[2].host.disconnect(nodes[0].host.peerID)
            let found = try await nodes[2].dht.findPeer(nodes[0].host.peerID)
            #expect(found.id == nodes[0].host.peerID)
            #expect(found.addresses.contains(try #require(nodes[0].host.listenAddresses.first)))
        }
    }

    @Test func `finds itself without asking`() async throws {
        try await withHost(.quiet()) { host in
            let dht = DHT(host: host, configuration: .init())
            let found = try await dht.findPeer(host.peerID)
            #expect(found.addresses == host.listenAddresses)
        }
    }

    @Test func `says that nobody knows a peer, or that there is nobody to ask`() async throws {
        try await withSettledSwarm(servers: 2) { nodes in
            let error = await #expect(throws: DHTError.self) { try await nodes[0].dht.findPeer(Identity().peerID) }
            #expect(error?.code == .notFound)
        }
        try await withHost(.quiet()) { host in
            let dht = DHT(host: host, configuration: .init())
            let error = await #expect(throws: DHTError.self) { try await dht.findPeer(Identity().peerID) }
            #expect(error?.code == .noPeers)
            #expect(error?.message.contains("--bootstrap") == true)
        }
    }

    @Test func `a search goes on when peers have vanished`() async throws {
        try await withSettledSwarm(servers: 6) { nodes in
            await nodes[4].host.close()
            await nodes[5].host.close()
            let found = await nodes[0].dht.closestPeers(to: [7]).map(\.id)
            #expect(Set(found) == Set(nodes[1...3].map(\.host.peerID)))
        }
    }
}
