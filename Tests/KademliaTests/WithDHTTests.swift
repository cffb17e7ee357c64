import Kademlia
import P2PCore
import P2PWire
import Testing

@Suite(.timeLimit(.minutes(1))) struct WithDHTTests {
    @Test func `joins through the bootstrap addresses before the body begins`() async throws {
        try await withHost(.quiet()) { first in
            try await withDHT(host: first) { _ in
                try await withHost(.quiet()) { second in
                    try await withDHT(host: second, configuration: .init(bootstrap: first.dialAddresses)) { dht in
                        #expect(await dht.peers.map(\.id) == [first.peerID])
                    }
                }
            }
        }
    }

    @Test func `nobody at the bootstrap addresses is an error`() async throws {
        let nobody = try Multiaddr("/ip4/127.0.0.1/tcp/1")
        try await withHost(.quiet()) { host in
            let error = await #expect(throws: DHTError.self) {
                try await withDHT(host: host, configuration: .init(bootstrap: [nobody])) { _ in }
            }
            #expect(error?.code == .bootstrapFailed)
        }
    }
}
