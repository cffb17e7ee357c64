import Kademlia
import Logging
import P2PCore
import P2PWire

/// A peer that is part of the network while a command runs.
struct Swarm {
    let host: Host
    let dht: DHT
    let logger: Logger
    /// How joining went; nil where nothing was joined.
    let bootstrap: BootstrapReport?
}

/// Runs `body` as a client of the network: nothing listens, the identity is fresh unless one is named.
///
/// - Parameter bootstraps: whether to join the DHT first; a pinned chain needs none.
/// - Throws: ``NoPeer`` when nobody of the network answers.
func withClient<Result: Sendable>(
    _ options: NetworkOptions,
    settings: Settings,
    bootstraps: Bool = true,
    _ body: @escaping @Sendable (Swarm) async throws -> Result
) async throws -> Result {
    let named = try options.namedBootstrap(settings)
    let file = try (options.identity ?? settings.string(.identity)).map {
        try IdentityFile.load(path: $0, createIfMissing: true)
    }
    var host = Host.Configuration(identity: file?.identity ?? Identity(), agentVersion: Version.agent)
    host.allowedPeers = try options.allowedPeers(settings)
    host.logger = try options.logger(settings)
    let remembered = RememberedPeers(path: Directories.peersFile)
    let bootstrap = named.isEmpty ? remembered.addresses + [try Multiaddr(Defaults.bootstrapAddress)] : named
    let dhtConfiguration = DHT.Configuration(
        protocolPrefix: options.prefix(settings),
        mode: .client,
        bootstrap: bootstrap
    )
    let logger = host.logger
    let discovers = try options.discovers(settings)
    return try await withHost(host) { host in
        try await withThrowingTaskGroup(of: Void.self) { group in
            let dht = DHT(host: host, configuration: dhtConfiguration)
            group.addTask { await dht.run() }
            defer { group.cancelAll() }
            var report: BootstrapReport?
            if bootstraps {
                let entrances = LocalEntrances()
                if discovers { group.addTask { await entrances.watch(host, dht) } }
                do {
                    report = try await dht.bootstrap()
                } catch  where named.isEmpty {
                    guard discovers, await entrances.waitForOne() else { throw NoPeer() }
                }
                try? remembered.remember(await dht.peers)
            }
            return try await body(Swarm(host: host, dht: dht, logger: logger, bootstrap: report))
        }
    }
}

/// Nobody was named, nobody is remembered, and nobody listens on this machine.
struct NoPeer: Error, CustomStringConvertible {
    var description: String {
        "no peer of the network answers: start one with \"kwaai-swift serve\", or name one with --bootstrap MULTIADDR"
            + " (\"serve\" prints its addresses)"
    }
}
