import P2PWire
import Testing

@testable import KademliaCore

@Suite struct ProviderUnionTests {
    @Test func `is bounded, and has each peer once, with all its addresses`() throws {
        var union = ProviderUnion()
        let addresses = try (1...40).map { try Multiaddr("/ip4/127.0.0.1/tcp/\($0)") }
        let ids = (0..<(Limits.providersPerSearch + 10)).map(Sample.peerID)
        for address in addresses {
            for start in stride(from: 0, to: ids.count, by: Limits.providersPerAnswer) {
                let named = ids[start...].prefix(Limits.providersPerAnswer)
                union.add(named.map { PeerInfo(id: $0, addresses: [address]) })
            }
        }
        #expect(union.peers.map(\.id) == Array(ids.prefix(Limits.providersPerSearch)))
        #expect(union.peers[0].addresses == Array(addresses.prefix(Limits.addressesPerPeer)))
    }

    @Test func `takes no more from one answer than an honest one holds`() {
        var union = ProviderUnion()
        union.add(Sample.peers(0..<Limits.peersPerMessage))
        union.add([Sample.peer(900)])
        #expect(union.peers == Sample.peers(0..<Limits.providersPerAnswer) + [Sample.peer(900)])
    }
}
