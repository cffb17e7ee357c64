import P2PWire
import Synchronization
import Testing

@testable import P2PCore

/// What a host does when it has nearly as many connections as it may have.
@Suite(.timeLimit(.minutes(1))) struct HostTrimmingTests {
    /// Connects one client after the other to a server with room for eight, and runs `body` when all are there.
    private func withClients(
        _ count: Int,
        of server: Host,
        _ clients: [Host] = [],
        _ body: @Sendable ([Host]) async throws -> Void
    ) async throws {
        guard clients.count < count else { return try await body(clients) }
        let peer = PeerInfo(id: server.peerID, addresses: server.listenAddresses)
        try await withHost(.quiet) { client in
            try await client.connect(to: peer)
            // Once Identify is over, the connection is idle.
            while server.identification(of: client.peerID) == nil || server.resources.system.total.streams > 0 {
                await Task.yield()
            }
            if clients.isEmpty { server.protect(client.peerID, tag: "first") }
            try await self.withClients(count, of: server, clients + [client], body)
        }
    }

    @Test func `idle connections make room for new ones and protected ones stay`() async throws {
        var configuration = Host.Configuration.quiet
        configuration.listenAddresses = [try Multiaddr("/ip4/127.0.0.1/tcp/0")]
        configuration.limits.system.inbound.connections = 8
        configuration.limits.trimmingGrace = .zero
        try await withHost(configuration) { server in
            try await self.withClients(7, of: server) { clients in
                #expect(server.connectedPeers.count == 7)
                let peer = PeerInfo(id: server.peerID, addresses: server.listenAddresses)
                try await withHost(.quiet) { last in
                    try await last.connect(to: peer)
                    while server.connectedPeers.count > 6 { await Task.yield() }
                    #expect(server.connectedPeers.count == 6)
                    #expect(server.connectedPeers.contains(clients[0].peerID))
                }
            }
        }
    }

    @Test func `a protection holds until its last tag is withdrawn`() {
        let host = Host(configuration: .quiet)
        let peer = Identity().peerID
        for tag in ["a", "b"] { host.protect(peer, tag: tag) }
        host.unprotect(peer, tag: "a")
        #expect(host.isProtected(peer))
        host.unprotect(peer, tag: "b")
        #expect(!host.isProtected(peer))
    }
}

extension Host {
    fileprivate func isProtected(_ peer: PeerID) -> Bool {
        self.state.withLock { $0.protections[peer] != nil }
    }
}
