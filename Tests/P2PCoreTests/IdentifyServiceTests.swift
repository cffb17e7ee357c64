import NIOCore
import P2PWire
import Synchronization
import Testing

@testable import P2PCore

@Suite struct IdentifyServiceTests {
    private static func listening() throws -> Host.Configuration {
        Host.Configuration(listenAddresses: [try Multiaddr("/ip4/127.0.0.1/tcp/0")], agentVersion: "test/1")
    }

    /// Waits until `host` knows what `peer` says of itself, and `condition` holds for it.
    private static func identification(
        of peer: PeerID,
        at host: Host,
        where condition: (Identification) -> Bool = { _ in true }
    ) async throws -> Identification {
        let events = host.events
        if let known = host.identification(of: peer), condition(known) { return known }
        for await event in events where event == .identified(peer) {
            if let known = host.identification(of: peer), condition(known) { return known }
        }
        throw P2PError(.closed, "the host closed before the peer identified itself")
    }

    @Test func `both ends of a connection learn who the other is`() async throws {
        try await withHost(Self.listening()) { listener in
            try await withHost(Self.listening()) { dialer in
                listener.handle("/a/1", limit: 1) { _ in }
                try await dialer.connect(to: PeerInfo(id: listener.peerID, addresses: listener.listenAddresses))

                let seen = try await Self.identification(of: listener.peerID, at: dialer)
                #expect(seen.agentVersion == "test/1" && seen.protocolVersion == "ipfs/0.1.0")
                #expect(seen.listenAddresses == listener.listenAddresses)
                #expect(Set(seen.protocols).isSuperset(of: ["/a/1", .identify, .identifyPush, Ping.protocolID]))
                #expect(seen.recordSequence != nil)
                #expect(seen.observedAddress?.tcpEndpoint?.host == .ip4("127.0.0.1"))

                let back = try await Self.identification(of: dialer.peerID, at: listener)
                #expect(back.listenAddresses == dialer.listenAddresses)
                #expect(listener.addresses(of: dialer.peerID) == dialer.listenAddresses)
            }
        }
    }

    @Test func `a host that announces an address tells that one alone, while it listens`() async throws {
        let outside = try Multiaddr("/ip4/192.0.2.7/tcp/4801")
        var configuration = try Self.listening()
        configuration.announcedAddresses = [outside]
        try await withHost(configuration) { listener in
            #expect(listener.listenAddresses == [outside])
            let bound = try #require(listener.state.withLock { $0.listenAddresses }.first)
            try await withHost(Host.Configuration()) { dialer in
                try await dialer.connect(to: PeerInfo(id: listener.peerID, addresses: [bound]))
                let seen = try await Self.identification(of: listener.peerID, at: dialer)
                #expect(seen.listenAddresses == [outside])
            }
        }
        configuration.listenAddresses = []
        try await withHost(configuration) { dialer in #expect(dialer.listenAddresses.isEmpty) }
    }

    @Test func `connected peers hear of a protocol that is served later`() async throws {
        try await withHost(Self.listening()) { listener in
            try await withHost(Host.Configuration()) { dialer in
                try await dialer.connect(to: PeerInfo(id: listener.peerID, addresses: listener.listenAddresses))
                _ = try await Self.identification(of: dialer.peerID, at: listener)
                _ = try await Self.identification(of: listener.peerID, at: dialer)
                listener.handle("/late/1", limit: 1) { _ in }
                let seen = try await Self.identification(of: listener.peerID, at: dialer) {
                    $0.protocols.contains("/late/1")
                }
                #expect(seen.agentVersion == "test/1")
            }
        }
    }

    @Test func `a peer that pushes another's key changes nothing`() async throws {
        try await withHost(Self.listening()) { listener in
            try await withHost(Host.Configuration(agentVersion: "honest/1")) { dialer in
                let peer = PeerInfo(id: listener.peerID, addresses: listener.listenAddresses)
                try await dialer.connect(to: peer)
                _ = try await Self.identification(of: dialer.peerID, at: listener)
                let stream = try await dialer.openStream(.identifyPush, to: peer)
                let lie = IdentifyMessage(publicKey: Identity().publicKey.protobuf, agentVersion: "liar/1")
                try await stream.write(lie.framed())
                try await stream.closeWrite()
                await #expect(throws: P2PError.self) { try await stream.read() }
                #expect(listener.identification(of: dialer.peerID)?.agentVersion == "honest/1")
            }
        }
    }

    @Test func `announces as many addresses as fit beside their signature`() throws {
        let address = "/ip6/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/tcp/65535"
        let addresses = (0..<Limits.announcedAddresses).compactMap { _ in try? Multiaddr(address) }
        let identity = Identity()
        let record = PeerRecord(peerID: identity.peerID, sequence: .max, addresses: addresses).seal(by: identity)
        let message = IdentifyMessage(
            publicKey: identity.publicKey.protobuf,
            listenAddresses: addresses,
            protocols: (0..<32).map { ProtocolID("/a/protocol/with/a/long/name/\($0)") },
            observedAddress: addresses[0],
            agentVersion: String(repeating: "x", count: 64),
            signedPeerRecord: record.bytes
        )
        var frame = message.framed()
        let body = try #require(try frame.readUVarintPrefixedSlice(limit: 4096))
        #expect(try IdentifyMessage(bytes: body.readableBytesView) == message)
    }
}
