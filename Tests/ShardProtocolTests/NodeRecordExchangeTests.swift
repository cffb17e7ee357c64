import NIOCore
import P2PCore
import P2PWire
import Testing

@testable import ShardProtocol

@Suite struct NodeRecordExchangeTests {
    private func withHosts(_ body: @Sendable (Host, Host) async throws -> Void) async throws {
        let configuration = Host.Configuration(listenAddresses: [try Multiaddr("/ip4/127.0.0.1/tcp/0")])
        var other = configuration
        other.identity = Identity()
        try await withHost(configuration) { server in
            try await withHost(other) { client in try await body(server, client) }
        }
    }

    private static func record(by identity: Identity) throws -> SignedNodeRecord {
        let expiry = UnixTime.now().advanced(bySeconds: 600)
        return SignedNodeRecord(try NodeRecordTests.record(expiry: expiry), by: identity)
    }

    @Test func `a peer tells what it is and what it knows of others`() async throws {
        try await self.withHosts { server, client in
            let own = try Self.record(by: server.configuration.identity)
            let other = try Self.record(by: Identity())
            serveNodeRecords(on: server) { (own, [other]) }
            let peer = PeerInfo(id: server.peerID, addresses: server.listenAddresses)
            #expect(
                try await fetchNodeRecords(from: peer, over: client, now: .now(), timeout: .seconds(30)) == [
                    own, other,
                ]
            )
        }
    }

    @Test func `a record signed by somebody else is refused`() async throws {
        try await self.withHosts { server, client in
            let foreign = try Self.record(by: Identity())
            serveNodeRecords(on: server) { (foreign, []) }
            let peer = PeerInfo(id: server.peerID, addresses: server.listenAddresses)
            await #expect {
                try await fetchNodeRecords(from: peer, over: client, now: .now(), timeout: .seconds(30))
            } throws: {
                ($0 as? ShardError)?.code == .badRecord
            }
        }
    }

    @Test func `an answer beyond its bound is cut off`() async throws {
        try await self.withHosts { server, client in
            server.handle(NodeRecordExchange.protocolID, limit: 1) { stream in
                try await stream.write(ByteBuffer(repeating: 0, count: Limits.nodeRecordAnswer + 1))
            }
            let peer = PeerInfo(id: server.peerID, addresses: server.listenAddresses)
            await #expect(throws: ShardError.self) {
                try await fetchNodeRecords(from: peer, over: client, now: .now(), timeout: .seconds(30))
            }
        }
    }
}
