import Testing

@testable import P2PWire

@Suite struct DialRequestServerTests {
    private let own = "/ip4/8.8.8.8/tcp/4801"
    private let foreign = "/ip4/8.8.4.4/tcp/4801"

    private func server(dataByteCount: UInt64 = 10_000) throws -> DialRequestServer {
        DialRequestServer(
            policy: DialBackPolicy(families: [.v4]),
            observed: try IPAddress("8.8.8.8", family: .v4),
            dataByteCount: dataByteCount
        )
    }

    @Test func `dials the first address that it is willing to, and says which`() throws {
        var server = try self.server()
        let addresses = [
            nil, try Multiaddr("/ip4/127.0.0.1/tcp/1"), try Multiaddr(self.own), try Multiaddr(self.foreign),
        ]
        let action = try server.received(.dialRequest(addresses: addresses, nonce: 7))
        #expect(action == .dial(try Multiaddr(self.own), nonce: 7, isForeign: false))
        #expect(server.dialed(.dialError) == .dialResponse(.dialed(addressIndex: 2, .dialError)))
    }

    @Test func `dials a foreign address once it has been paid for to the last byte`() throws {
        var server = try self.server(dataByteCount: 10_000)
        let request = AutoNATMessage.dialRequest(addresses: [try Multiaddr(self.foreign)], nonce: 7)
        #expect(
            try server.received(request) == .read(after: .dialDataRequest(addressIndex: 0, byteCount: 10_000))
        )
        #expect(try server.received(.dialData(byteCount: 4096)) == .read(after: nil))
        #expect(try server.received(.dialData(byteCount: 4096)) == .read(after: nil))
        #expect(try server.received(.dialData(byteCount: 1807)) == .read(after: nil))
        // The last piece may be small, or more than is needed.
        let action = try server.received(.dialData(byteCount: 1))
        #expect(action == .dial(try Multiaddr(self.foreign), nonce: 7, isForeign: true))
        #expect(server.dialed(.ok) == .dialResponse(.dialed(addressIndex: 0, .ok)))
    }

    @Test func `refuses when it is willing to dial none`() throws {
        for addresses in [[], [nil], [try Multiaddr("/ip4/10.0.0.1/tcp/1")]] as [[Multiaddr?]] {
            var server = try self.server()
            let action = try server.received(.dialRequest(addresses: addresses, nonce: 7))
            #expect(action == .finish(.dialResponse(.refused)))
        }
    }

    @Test func `an address that ends in a peer id is dialled without it`() throws {
        var server = try self.server()
        let address = try Multiaddr("\(self.own)/p2p/12D3KooWDb7R3ysGeFmNBsoQkHF7AMhvJUoVG17ZEkNzDzfmRWpC")
        let action = try server.received(.dialRequest(addresses: [address], nonce: 7))
        #expect(action == .dial(try Multiaddr(self.own), nonce: 7, isForeign: false))
    }

    @Test func `data in crumbs cost the stream`() throws {
        var server = try self.server()
        _ = try server.received(.dialRequest(addresses: [try Multiaddr(self.foreign)], nonce: 7))
        #expect(throws: WireError.self) { try server.received(.dialData(byteCount: Limits.autoNATSmallestData - 1)) }
    }

    @Test func `messages out of turn cost the stream`() throws {
        let request = AutoNATMessage.dialRequest(addresses: [try Multiaddr(self.foreign)], nonce: 7)
        for message in [.dialData(byteCount: 4096), .dialResponse(.refused)] as [AutoNATMessage] {
            var server = try self.server()
            #expect(throws: WireError.self) { try server.received(message) }
        }
        var server = try self.server()
        _ = try server.received(request)
        #expect(throws: WireError.self) { try server.received(request) }
    }
}
