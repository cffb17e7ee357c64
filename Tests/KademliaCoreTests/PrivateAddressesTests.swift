import P2PWire
import Testing

@testable import KademliaCore

@Suite struct PrivateAddressesTests {
    private func peer(_ number: Int, _ addresses: String...) throws -> PeerInfo {
        PeerInfo(id: Sample.peerID(number), addresses: try addresses.map { try Multiaddr($0) })
    }

    @Test func `a stranger's word on private addresses is dropped, on public ones and names it is kept`() throws {
        let mixed = try self.peer(1, "/ip4/10.0.0.1/tcp/22", "/ip4/93.184.216.34/tcp/1", "/dns4/example.org/tcp/1")
        let kept = try self.peer(1, "/ip4/93.184.216.34/tcp/1", "/dns4/example.org/tcp/1")
        let local = try self.peer(2, "/ip4/127.0.0.1/tcp/6379", "/ip6/fd00::1/tcp/1")
        let bare = try self.peer(3)
        let answer = Message(
            .getProviders,
            key: [1],
            closerPeers: [mixed, local, bare],
            providerPeers: [local, mixed]
        )
        let rest = answer.withoutPrivateAddresses()
        #expect(rest.closerPeers == [kept, bare])
        #expect(rest.providerPeers == [try self.peer(2), kept])
        #expect(rest.key == answer.key)
    }
}
