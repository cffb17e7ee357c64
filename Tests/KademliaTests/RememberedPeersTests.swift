import Foundation
import P2PWire
import Testing

@testable import Kademlia

@Suite struct RememberedPeersTests {
    private let path = NSTemporaryDirectory() + "kwaai-peers-\(UUID().uuidString)/peers"

    @Test func `a missing file remembers nobody`() {
        #expect(RememberedPeers(path: self.path).addresses == [])
    }

    @Test func `reads back the first address of each peer`() throws {
        let remembered = RememberedPeers(path: self.path)
        let id = Identity().peerID
        let address = try Multiaddr("/ip4/10.0.0.1/tcp/4801")
        try remembered.remember([PeerInfo(id: id, addresses: [address])])
        #expect(remembered.addresses == [address.appending(peer: id)])
        try remembered.remember([])
        #expect(remembered.addresses.count == 1)
    }

    @Test func `remembers no more than the bound and passes over nonsense`() throws {
        let remembered = RememberedPeers(path: self.path)
        let address = try Multiaddr("/ip4/10.0.0.1/tcp/4801")
        try remembered.remember((0..<100).map { _ in PeerInfo(id: Identity().peerID, addresses: [address]) })
        #expect(remembered.addresses.count == RememberedPeers.capacity)
        try Data("nonsense\n\(address)\n".utf8).write(to: URL(fileURLWithPath: self.path))
        #expect(remembered.addresses == [address])
    }
}
