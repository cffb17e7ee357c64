import NIOCore
import P2PWire
import Testing

@testable import P2PCore

@Suite struct PingServiceTests {
    private static func listening() throws -> Host.Configuration {
        Host.Configuration(listenAddresses: [try Multiaddr("/ip4/127.0.0.1/tcp/0")])
    }

    @Test func `measures the round trip to a connected peer, again and again`() async throws {
        try await withHost(Self.listening()) { listener in
            try await withHost(Host.Configuration()) { dialer in
                try await dialer.connect(to: PeerInfo(id: listener.peerID, addresses: listener.listenAddresses))
                for _ in 0..<20 {
                    let roundTrip = try await dialer.ping(listener.peerID)
                    #expect(roundTrip > .zero && roundTrip < .seconds(5))
                }
                #expect(try await listener.ping(dialer.peerID) > .zero)
            }
        }
    }

    @Test func `a peer without a connection cannot be pinged`() async throws {
        try await withHost(Host.Configuration()) { host in
            _ = await #expect(throws: P2PError.self) { try await host.ping(Identity().peerID) }
        }
    }

    @Test func `serves several pings on one stream, and a bounded number of streams to one peer`() async throws {
        try await withHost(Self.listening()) { listener in
            try await withHost(Host.Configuration()) { dialer in
                let peer = PeerInfo(id: listener.peerID, addresses: listener.listenAddresses)
                var streams: [PeerStream] = []
                for index in 0..<UInt8(Limits.pingStreamsPerPeer) {
                    let stream = try await dialer.openStream(Ping.protocolID, to: peer)
                    streams.append(stream)
                    for round in 0..<UInt8(3) {
                        let payload = ByteBuffer(repeating: index &* 16 &+ round, count: 32)
                        try await stream.write(payload)
                        #expect(try await stream.read(exactly: 32) == payload)
                    }
                }
                let oneMore = try await dialer.openStream(Ping.protocolID, to: peer)
                try await oneMore.write(ByteBuffer(repeating: 0, count: 32))
                await #expect(throws: P2PError.self) { try await oneMore.read(exactly: 32) }
                for stream in streams { await stream.close() }
            }
        }
    }
}
