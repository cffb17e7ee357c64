import ArgumentParser
import Kademlia
import Logging
import P2PCore
import P2PWire

/// A peer for the interop tests: it listens, or it dials another and checks what that one can do. Not installed.
@main
struct InteropPeer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "interop-peer",
        abstract: "Serve or check libp2p's protocols.",
        subcommands: [Listen.self, Dial.self],
        defaultSubcommand: Listen.self
    )
}

/// What both commands take.
struct PeerOptions: ParsableArguments {
    @Option(help: "Make the identity from SHA-256 of this text; else a fresh one.")
    var seed: String?

    @Option(help: "Where to listen.")
    var listen = "/ip4/127.0.0.1/tcp/0"

    @Option(help: "The DHT's protocol is PREFIX/kad/1.0.0.")
    var prefix = "/kwaai"

    /// Runs `body` with a host that serves what the checks of others ask for, and a node of the DHT on it.
    func withPeer(bootstrap: [Multiaddr] = [], _ body: (Host, DHT) async throws -> Void) async throws {
        let configuration = Host.Configuration(
            identity: try self.seed.map { try Identity(seed: SHA256.digest($0.utf8)) } ?? Identity(),
            listenAddresses: [try Multiaddr(self.listen)],
            agentVersion: "kwaai-swift-interop",
            logger: Logger(label: "interop-peer", factory: StreamLogHandler.standardError(label:))
        )
        try await withHost(configuration) { host in
            host.serveEcho()
            host.serveSink()
            host.servePerf(.none)
            host.servePush()
            host.serveInferenceStep()
            host.serveUnaryCalls()
            host.serveSource()
            let dht = DHT(
                host: host,
                configuration: DHT.Configuration(protocolPrefix: self.prefix, bootstrap: bootstrap)
            )
            async let upkeep: Void = dht.run()
            try await body(host, dht)
            await host.close()
            await upkeep
        }
    }
}
