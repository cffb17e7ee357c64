import BlockServer
import DemoModel
import Kademlia
import P2PCore
import P2PWire
import ShardProtocol

/// Runs one block server for each range on a host of its own, and `body` with a further host and a DHT that find them.
func withDemoPeers(_ ranges: [String], _ body: (Host, DHT) async throws -> Void) async throws {
    let listening = Host.Configuration(listenAddresses: [try Multiaddr("/ip4/127.0.0.1/tcp/0")])
    try await withHost(listening) { host in
        try await withDHT(host: host) { dht in
            try await withServers(ranges[...], bootstrap: host.dialAddresses) { try await body(host, dht) }
        }
    }
}

private func withServers(
    _ ranges: ArraySlice<String>,
    bootstrap: [Multiaddr],
    _ body: () async throws -> Void
) async throws {
    guard let range = ranges.first else { return try await body() }
    let listening = Host.Configuration(listenAddresses: [try Multiaddr("/ip4/127.0.0.1/tcp/0")])
    var serving = BlockServer.Configuration(range: try BlockRange(range))
    serving.threads = 1
    try await withHost(listening) { host in
        try await withDHT(host: host, configuration: .init(bootstrap: bootstrap)) { dht in
            try await withBlockServer(host: host, dht: dht, model: DemoModel.directory(), configuration: serving) { _ in
                try await withServers(ranges.dropFirst(), bootstrap: bootstrap, body)
            }
        }
    }
}
