import Logging
import P2PCore
import P2PWire
import Testing

@testable import Kademlia
@testable import KademliaCore

/// A host on loopback with its DHT.
struct SwarmNode: Sendable {
    let host: Host
    let dht: DHT

    /// How others dial it.
    var address: Multiaddr {
        get throws { try #require(self.host.listenAddresses.first).appending(peer: self.host.peerID) }
    }

    var info: PeerInfo { PeerInfo(id: self.host.peerID, addresses: self.host.listenAddresses) }
}

/// Servers, then clients, that run as long as the body does.
///
/// - Parameters:
///   - bootstrap: Which of the nodes before it a node is to start from.
///   - upkeep: Whether the nodes take in newcomers and refresh on their own; without it nothing happens but what a test
///     asks for.
func withSwarm(
    servers: Int,
    clients: Int = 0,
    upkeep: Bool = false,
    bootstrap: (_ index: Int, _ earlier: [SwarmNode]) throws -> [Multiaddr] = { try $1.map { try $0.address } },
    configure: (inout DHT.Configuration) -> Void = { _ in },
    _ body: ([SwarmNode]) async throws -> Void
) async throws {
    var nodes: [SwarmNode] = []
    for index in 0..<(servers + clients) {
        let isServer = index < servers
        let host = Host(configuration: try .quiet(listens: isServer))
        try await host.start()
        var configuration = DHT.Configuration(mode: isServer ? .server : .client)
        configuration.bootstrap = try bootstrap(index, nodes)
        configure(&configuration)
        nodes.append(SwarmNode(host: host, dht: DHT(host: host, configuration: configuration)))
    }
    let all = nodes
    try await withThrowingTaskGroup { group in
        for node in all {
            group.addTask { await node.host.run() }
            if upkeep { group.addTask { await node.dht.run() } }
        }
        defer { group.cancelAll() }
        for node in all where !node.dht.configuration.bootstrap.isEmpty { _ = try await node.dht.bootstrap() }
        try await body(all)
    }
}

/// Servers that all know each other, and clients that know all servers.
func withSettledSwarm(servers: Int, clients: Int = 0, _ body: ([SwarmNode]) async throws -> Void) async throws {
    try await withSwarm(servers: servers, clients: clients) { nodes in
        for node in nodes {
            for other in nodes.prefix(servers) where other.host.peerID != node.host.peerID {
                try await node.dht.meet(other.info)
            }
        }
        try await body(nodes)
    }
}

extension Host {
    /// Returns when `peer` has said in Identify who it is; the time limit of the test bounds it.
    func identified(_ peer: PeerID) async {
        // Subscribed before the look, so that the news cannot come between.
        let events = self.events
        guard self.identification(of: peer) == nil else { return }
        for await event in events where event == .identified(peer) { return }
    }
}

extension DHT {
    /// Takes `peer` into the routing table if it answers.
    fileprivate func meet(_ peer: PeerInfo) async throws {
        _ = try await self.ask(Message(.findNode, key: peer.id.bytes), of: peer)
        self.answered(peer)
    }
}

extension Host.Configuration {
    /// A fresh identity that logs nothing.
    static func quiet(listens: Bool = true) throws -> Host.Configuration {
        Host.Configuration(
            listenAddresses: listens ? [try Multiaddr("/ip4/127.0.0.1/tcp/0")] : [],
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }
}
