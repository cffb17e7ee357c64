import BlockServer
import DemoModel
import Kademlia
import P2PCore
import P2PWire
import ShardProtocol

/// Runs one block server for each range, and `body` with a host and a DHT that find them.
func withDemoPeers(
    _ ranges: [String],
    _ body: @escaping @Sendable (Host, DHT) async throws -> Void
) async throws {
    let configuration = Host.Configuration(
        identity: Identity(),
        listenAddresses: [try Multiaddr("/ip4/127.0.0.1/tcp/0")]
    )
    try await withHost(configuration) { host in
        let dht = DHT(host: host, configuration: DHT.Configuration(mode: .server))
        try await withServers(ranges[...], bootstrap: host.listenAddresses.map { $0.appending(peer: host.peerID) }) {
            try await body(host, dht)
        }
    }
}

private func withServers(
    _ ranges: ArraySlice<String>,
    bootstrap: [Multiaddr],
    _ body: @escaping @Sendable () async throws -> Void
) async throws {
    guard let range = ranges.first else { return try await body() }
    let configuration = Host.Configuration(
        identity: Identity(),
        listenAddresses: [try Multiaddr("/ip4/127.0.0.1/tcp/0")]
    )
    try await withHost(configuration) { host in
        let dht = DHT(host: host, configuration: DHT.Configuration(mode: .server, bootstrap: bootstrap))
        _ = try await dht.bootstrap()
        let server = try BlockServer(
            host: host,
            dht: dht,
            model: DemoModel.directory(),
            configuration: BlockServer.Configuration(range: try BlockRange(range))
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            for await event in server.events where event == .online { break }
            try await withServers(ranges.dropFirst(), bootstrap: bootstrap, body)
            group.cancelAll()
        }
    }
}
