import Logging
import NIOCore
import P2PWire
import Synchronization
import Testing

@testable import P2PCore

/// A listening host and a dialing one, for as long as the body runs; `peer` is how to reach the first.
func withTwoHosts(
    server: (inout Host.Configuration) -> Void = { _ in },
    client: (inout Host.Configuration) -> Void = { _ in },
    _ body: @Sendable (_ server: Host, _ client: Host, _ peer: PeerInfo) async throws -> Void
) async throws {
    var serverConfiguration = Host.Configuration.quiet
    serverConfiguration.listenAddresses = [try Multiaddr("/ip4/127.0.0.1/tcp/0")]
    server(&serverConfiguration)
    var clientConfiguration = Host.Configuration.quiet
    client(&clientConfiguration)
    let configuration = clientConfiguration
    try await withHost(serverConfiguration) { server in
        try await withHost(configuration) { client in
            try await body(server, client, PeerInfo(id: server.peerID, addresses: server.listenAddresses))
        }
    }
}

extension Host.Configuration {
    /// A fresh identity that logs nothing.
    static var quiet: Host.Configuration {
        Host.Configuration(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }
}

/// Sends back what arrives, and ends when the other side ends.
@Sendable func echo(_ stream: PeerStream) async throws {
    while let bytes = try await stream.read() {
        try await stream.write(bytes)
    }
}

extension Host {
    func connectionCount(with peer: PeerID) -> Int {
        self.state.withLock { $0.connections[peer]?.count ?? 0 }
    }
}

/// Runs `body` in a task that is cancelled as soon as it runs, and expects it to end by that.
func expectCancellation(_ body: @escaping @Sendable () async throws -> Void) async {
    await withTaskGroup(of: P2PError.Code?.self) { group in
        group.addTask {
            do {
                try await body()
                return nil
            } catch {
                return (error as? P2PError)?.code
            }
        }
        await Task.yield()
        group.cancelAll()
        for await code in group { #expect(code == .cancelled) }
    }
}
