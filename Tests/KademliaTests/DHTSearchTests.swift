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

    @Test func `finds a living peer that the dead crowd out of the answers`() async throws {
        try await withSwarm(servers: 4, bootstrap: { _, _ in [] }) { nodes in
            func half(_ peer: PeerID) -> Bool { KademliaKey(peer).words[0].leadingZeroBitCount == 0 }
            // Of three, two stand in the same half of the space.
            let isUpper = nodes[1...].count { half($0.host.peerID) } >= 2
            let (known, hidden) = (
                try #require(nodes[1...].first { half($0.host.peerID) == isUpper }),
                try #require(nodes[1...].last { half($0.host.peerID) == isUpper })
            )
            // Ten of the dead stand there too, so that an answer about that half names the hidden one.
            let nobody = try Multiaddr("/ip4/127.0.0.1/tcp/1")
            let ids = try (0..<200).map {
                try PeerID(bytes: [0, 0x24, 8, 1, 0x12, 0x20, $0] + [UInt8](repeating: 0, count: 31))
            }
            let dead = ids.filter { half($0) == isUpper }.prefix(10) + ids.filter { half($0) != isUpper }.prefix(11)
            for peer in [hidden.info] + dead.map({ PeerInfo(id: $0, addresses: [nobody]) }) {
                await known.dht.answered(peer)
            }
            await nodes[0].dht.answered(known.info)

            let table = await known.dht.node.table
            let key = try #require(
                (0..<UInt8.max).map { [$0] }.first { key in
                    let target = KademliaKey(hashing: key)
                    let isOther = (target.words[0].leadingZeroBitCount == 0) != isUpper
                    return isOther && !table.closest(to: target).contains { $0.id == hidden.host.peerID }
                }
            )
            #expect(Set(await nodes[0].dht.closestPeers(to: key)) == [known.info, hidden.info])
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
