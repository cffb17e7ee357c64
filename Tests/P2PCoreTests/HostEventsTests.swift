import NIOCore
import NIOPosix
import P2PWire
import Synchronization
import Testing

@testable import P2PCore

@Suite(.timeLimit(.minutes(1))) struct HostEventsTests {
    /// A task cannot be woken while its cancellation handlers run; waking it under a lock that such a handler waits for
    /// once stopped a whole process.
    @Test func `a listener may leave in the very moment in which something happens`() async throws {
        try await withTwoHosts { server, client, peer in
            try await client.connect(to: peer)
            let identification = try await Self.identification(of: peer.id, at: client)
            async let happening: Void = NIOThreadPool.singleton.runIfActive {
                for _ in 0..<20_000 { client.store(identification, of: peer.id) }
            }
            for _ in 0..<2000 {
                await withDiscardingTaskGroup { group in
                    group.addTask {
                        await withDiscardingTaskGroup { dials in
                            let stranger = PeerInfo(id: Identity().peerID, addresses: [])
                            dials.addTask { try? await client.connect(to: stranger) }
                            for await _ in client.events {}
                        }
                    }
                    await Task.yield()
                    group.cancelAll()
                }
            }
            try await happening
        }
    }

    private static func identification(of peer: PeerID, at host: Host) async throws -> Identification {
        let events = host.events
        if let known = host.identification(of: peer) { return known }
        for await event in events where event == .identified(peer) { break }
        return try #require(host.identification(of: peer))
    }
}
