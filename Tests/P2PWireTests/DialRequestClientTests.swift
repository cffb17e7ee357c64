import Testing

@testable import P2PWire

@Suite struct DialRequestClientTests {
    private func client() throws -> DialRequestClient {
        DialRequestClient(
            addresses: [try Multiaddr("/ip4/1.2.3.4/tcp/1"), try Multiaddr("/ip4/1.2.3.4/tcp/2")],
            nonce: 7
        )
    }

    @Test func `asks, pays and learns which address was dialled`() throws {
        var client = try self.client()
        let addresses = [try Multiaddr("/ip4/1.2.3.4/tcp/1"), try Multiaddr("/ip4/1.2.3.4/tcp/2")]
        #expect(client.request == .dialRequest(addresses: addresses, nonce: 7))
        #expect(
            try client.received(.dialDataRequest(addressIndex: 1, byteCount: 100_000)) == .sendData(count: 100_000)
        )
        let outcome = try client.received(.dialResponse(.dialed(addressIndex: 1, .ok)))
        #expect(outcome == .finished(.dialed(addresses[1], .ok)))
    }

    @Test func `tells a server that will not from one that has no time`() throws {
        var client = try self.client()
        #expect(try client.received(.dialResponse(.refused)) == .finished(.refused))
        #expect(try client.received(.dialResponse(.rejected)) == .finished(.rejected))
        #expect(try client.received(.dialResponse(.internalError)) == .finished(.rejected))
    }

    @Test(
        arguments: [
            .dialDataRequest(addressIndex: 0, byteCount: 100_001), .dialDataRequest(addressIndex: 2, byteCount: 30_000),
            .dialResponse(.dialed(addressIndex: 2, .ok)), .dialData(byteCount: 4096),
            .dialRequest(addresses: [], nonce: 7),
        ] as [AutoNATMessage]
    )
    func `refuses a demand that is too high, and what it did not ask for`(message: AutoNATMessage) throws {
        var client = try self.client()
        #expect(throws: WireError.self) { try client.received(message) }
    }

    @Test func `pays once`() throws {
        var client = try self.client()
        _ = try client.received(.dialDataRequest(addressIndex: 0, byteCount: 30_000))
        #expect(throws: WireError.self) { try client.received(.dialDataRequest(addressIndex: 0, byteCount: 30_000)) }
    }
}
