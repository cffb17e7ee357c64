import NIOCore
import P2PCore
import P2PWire
import Testing

@testable import Kademlia
@testable import KademliaCore

@Suite(.timeLimit(.minutes(1))) struct DHTValuesTests {
    @Test func `a published value is found, and a newer one replaces it`() async throws {
        try await withSettledSwarm(servers: 5, clients: 1) { nodes in
            let (publisher, reader) = (nodes[1], nodes[5])
            let peer = publisher.host.peerID
            #expect(try await reader.dht.published(by: peer, name: "motd") == nil)
            try await publisher.dht.publish([1, 2], name: "motd", sequence: 1)
            #expect(try await reader.dht.published(by: peer, name: "motd") == .init(sequence: 1, value: [1, 2]))
            try await publisher.dht.publish([3], name: "motd", sequence: 2)
            #expect(try await reader.dht.published(by: peer, name: "motd") == .init(sequence: 2, value: [3]))
        }
    }

    @Test func `an older value is refused with the reason`() async throws {
        try await withSettledSwarm(servers: 3) { nodes in
            try await nodes[0].dht.publish([1], name: "a", sequence: 5)
            let error = await #expect(throws: DHTError.self) {
                try await nodes[0].dht.publish([2], name: "a", sequence: 4)
            }
            #expect(error?.code == .staleValue)
        }
    }

    @Test func `reading brings holders up to date`() async throws {
        try await withSettledSwarm(servers: 3, clients: 1) { nodes in
            // The first node alone has the newer value.
            let key = try SignedValue.Name(peer: nodes[0].host.peerID, name: "a")
            try await nodes[0].dht.publish([1], name: "a", sequence: 1)
            let newer = SignedValue(name: key, sequence: 2, value: [2])
            let sealed = try newer.sealed(by: nodes[0].host.configuration.identity)
            let record = Record(key: key.recordKey, value: sealed)
            _ = try await nodes[3].dht.ask(Message(.putValue, key: record.key, record: record), of: nodes[0].info)

            #expect(try await nodes[3].dht.get(record.key) == sealed)
            for node in nodes.prefix(3) {
                #expect(await node.dht.node.records.record(for: record.key, now: .now()) == record)
            }
        }
    }

    @Test func `its own value is put anew when the interval is over, and not before`() async throws {
        try await withSettledSwarm(servers: 2) { nodes in
            let (publisher, holder) = (nodes[0].dht, nodes[1].dht)
            try await publisher.publish([1], name: "a", sequence: 1)
            let key = try SignedValue.Name(peer: nodes[0].host.peerID, name: "a").recordKey
            #expect(await holder.node.records.record(for: key, now: .now()) != nil)
            await holder.keepUp(now: .now() + .hours(49))
            #expect(await holder.node.records.record(for: key, now: .now()) == nil)
            await publisher.keepUp(now: .now() + .hours(21))
            #expect(await holder.node.records.record(for: key, now: .now()) == nil)
            await publisher.keepUp(now: .now() + .hours(23))
            #expect(await holder.node.records.record(for: key, now: .now()) != nil)
        }
    }

    @Test func `what is put anew is the newest, and never another's`() async throws {
        try await withSettledSwarm(servers: 3) { nodes in
            let name = try SignedValue.Name(peer: nodes[0].host.peerID, name: "a")
            try await nodes[0].dht.publish([1], name: "a", sequence: 1)
            // Another process of the same identity has published a newer one, which one peer has.
            let newer = SignedValue(name: name, sequence: 2, value: [2])
            let sealed = try newer.sealed(by: nodes[0].host.configuration.identity)
            let record = Record(key: name.recordKey, value: sealed)
            _ = try await nodes[2].dht.ask(Message(.putValue, key: record.key, record: record), of: nodes[1].info)
            await nodes[0].dht.keepUp(now: .now() + .hours(23))
            for node in nodes { #expect(await node.dht.node.records.record(for: record.key, now: .now()) == record) }

            let stranger = Identity()
            let key = Array("/pk/".utf8) + stranger.peerID.bytes
            try await nodes[0].dht.put(key, stranger.publicKey.protobuf)
            await nodes[1].dht.keepUp(now: .now() + .hours(49))
            await nodes[0].dht.keepUp(now: .now() + .hours(46))
            #expect(await nodes[1].dht.node.records.record(for: key, now: .now()) == nil)
            #expect(await nodes[1].dht.node.records.record(for: record.key, now: .now()) == record)
        }
    }

    @Test func `a public key can be put by anybody`() async throws {
        try await withSettledSwarm(servers: 3, clients: 1) { nodes in
            let identity = Identity()
            let key = Array("/pk/".utf8) + identity.peerID.bytes
            try await nodes[3].dht.put(key, identity.publicKey.protobuf)
            #expect(try await nodes[1].dht.get(key) == identity.publicKey.protobuf)
        }
    }

    @Test func `other namespaces are refused before anybody is asked`() async throws {
        try await withSettledSwarm(servers: 2) { nodes in
            let error = await #expect(throws: DHTError.self) {
                try await nodes[0].dht.put(Array("/kwaai/x".utf8), [1])
            }
            #expect(error?.code == .invalidRecord)
            #expect(error?.message.contains("/v/") == true)
        }
    }

    @Test func `without peers there is nobody to ask`() async throws {
        try await withSettledSwarm(servers: 1) { nodes in
            let put = await #expect(throws: DHTError.self) {
                try await nodes[0].dht.publish([1], name: "a", sequence: 1)
            }
            #expect(put?.code == .noPeers)
            let get = await #expect(throws: DHTError.self) { try await nodes[0].dht.get(Array("/v/x/y".utf8)) }
            #expect(get?.code == .noPeers)
        }
    }
}
