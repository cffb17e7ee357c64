import ArgumentParser
import BlockServer
import Kademlia
import Logging
import Model
import P2PCore
import P2PWire
import Prometheus
import ShardProtocol
import UnixSignals

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve a range of a model's blocks to the network until SIGTERM or Ctrl-C.",
        discussion: """
            It prints the addresses at which this peer can be dialled and the command with which the next machine joins.
            With --blocks auto it looks at what others serve, chooses the blocks of which there are fewest, and every few
            minutes looks whether it is needed elsewhere. It never leaves blocks that nobody else serves, and sessions end in
            good order before it moves. A range that you name is never changed.

            On SIGTERM it takes no new sessions, finishes the running ones and leaves; a second signal ends it at once.

            Examples:
              kwaai-swift serve --blocks 0..12
              kwaai-swift serve --model ./Llama-3.2-1B --blocks auto
              kwaai-swift serve --model ./Llama-3.2-1B --blocks auto --memory 4GiB
              kwaai-swift serve --blocks 12..24 --bootstrap /ip4/10.0.0.2/tcp/4801/p2p/12D3KooW...
              kwaai-swift serve --model ./Llama-3.2-1B --blocks 0..8 --kv-memory 2GiB --allow 12D3KooW...
            """
    )

    @OptionGroup var model: ModelOptions

    @OptionGroup var loading: LoadingOptions

    @Option(
        help: ArgumentHelp(
            "The blocks to serve: half-open, 0..12 is blocks 0 to 11; auto takes as many as this machine has memory for, "
                + "of those that the swarm needs most, and later goes where it is needed more.",
            valueName: "first..end|auto"
        ),
        transform: { try BlocksChoice($0) }
    )
    var blocks: BlocksChoice?

    @OptionGroup var network: NetworkOptions

    @Option(help: ArgumentHelp("What others see this node called: at most 64 bytes.", valueName: "name"))
    var name: String?

    @Option(
        help: ArgumentHelp(
            "Listen here; repeat for more. By default on TCP port 4801 of all interfaces.",
            valueName: "multiaddr"
        ),
        transform: { try Multiaddr($0) }
    )
    var listen: [Multiaddr] = []

    @Option(
        help: ArgumentHelp(
            "Tell others to dial here instead, where a router forwards a port; repeat for more.",
            valueName: "multiaddr"
        ),
        transform: { try Multiaddr($0) }
    )
    var announce: [Multiaddr] = []

    @Option(
        help: ArgumentHelp(
            "Memory for the KV-caches of all sessions. (default: what is left, at most 2GiB)",
            valueName: "size"
        )
    )
    var kvMemory: ByteCount?

    @Option(
        help: ArgumentHelp(
            "Memory that this process may take in all: weights, KV-caches and the rest. (default: what is free)",
            valueName: "size"
        )
    )
    var memory: ByteCount?

    @Option(
        help: ArgumentHelp(
            "Tell this node's numbers to Prometheus at http://127.0.0.1:PORT/metrics; 0 takes a free port.",
            valueName: "port"
        ),
        transform: { try MetricsAddress($0) }
    )
    var metricsPort: MetricsAddress?

    @Flag(help: "Serve the blocks even if this machine seems to have too little memory for them.")
    var overcommit = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Threads that share each product. (default: one for each core)",
            valueName: "count"
        )
    )
    var threads: ThreadCount?

    @Flag(help: "Print one JSON object for each event.")
    var json = false

    func run() async throws {
        let settings = try await Settings.load()
        let numbers = try (self.metricsPort ?? settings.value(.metricsPort) { try MetricsAddress($0) })
            .map { MetricsServer.counting(at: $0) }
        let directory = try self.loading.applied(to: self.model.directory(settings), settings)
        let server = try self.serverConfiguration(settings, model: directory)
        let path = self.network.identity ?? settings.string(.identity) ?? Directories.identityFile
        let identity = try IdentityFile.load(path: path, createIfMissing: true)
        var host = Host.Configuration(
            identity: identity.identity,
            listenAddresses: try self.listenAddresses(settings),
            agentVersion: Version.agent
        )
        let announced = try self.announce.isEmpty ? settings.values(.announce) { try Multiaddr($0) } : self.announce
        host.announcedAddresses = announced.map(\.withoutPeerID)
        host.allowedPeers = try self.network.allowedPeers(settings)
        host.logger = try self.network.logger(settings)
        let output = ServeOutput(
            json: self.json,
            model: directory,
            flags: try self.flagsForOthers(settings)
        )
        let service = ServeService(
            host: host,
            dht: try self.dhtConfiguration(settings),
            server: server,
            model: directory,
            output: output,
            numbers: numbers,
            namesBootstrap: try !self.network.namedBootstrap(settings).isEmpty,
            discovers: try self.network.discovers(settings)
        )
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        do {
            try await service.run(until: signals)
        } catch let error as P2PError where error.code == .portInUse {
            throw P2PError(.portInUse, "\(error.message), such as --listen /ip4/0.0.0.0/tcp/\(Defaults.port + 1)")
        }
        // The lock on the identity is held until here.
        withExtendedLifetime(identity) {}
    }

    private func serverConfiguration(
        _ settings: Settings,
        model: ModelDirectory
    ) throws -> BlockServer.Configuration {
        guard let blocks = try self.blocks ?? settings.value(.blocks, { try BlocksChoice($0) }) else {
            throw UsageError(
                "say which blocks to serve: --blocks 0..\(model.configuration.blockCount) is all of this model, "
                    + "--blocks auto as many as fit, where they are needed most"
            )
        }
        var configuration = try BlockServer.Configuration(
            model,
            range: blocks.range,
            kvMemory: try self.kvMemory?.bytes ?? settings.value(.kvMemory, as: ByteCount.self)?.bytes,
            freeMemory: self.overcommit
                ? nil
                : try self.memory?.bytes ?? settings.value(.memory, as: ByteCount.self)?.bytes ?? SystemMemory.available
        )
        configuration.version = Version.agent
        configuration.name = try self.name(settings)
        configuration.logger = try self.network.logger(settings)
        if let threads = try self.threads ?? settings.value(.threads) { configuration.threads = threads.count }
        return configuration
    }

    private func name(_ settings: Settings) throws -> String? {
        guard let name = self.name ?? settings.string(.name) else { return nil }
        guard NodeRecord.isValid(name: name) else {
            throw UsageError(
                "--name takes 1 to 64 bytes of text without control characters; give a shorter or plainer one"
            )
        }
        return name
    }

    private func listenAddresses(_ settings: Settings) throws -> [Multiaddr] {
        let named = try self.listen.isEmpty ? settings.values(.listen) { try Multiaddr($0) } : self.listen
        return try named.isEmpty ? Defaults.listenAddresses.map { try Multiaddr($0) } : named
    }

    /// What the commands of other machines need to have in common with this one.
    private func flagsForOthers(_ settings: Settings) throws -> [String] {
        let prefix = (self.network.dhtPrefix ?? settings.string(.dhtPrefix)).map { ["--dht-prefix", $0] } ?? []
        return try self.model.flags(settings) + self.loading.flags(settings) + prefix
    }

    private func dhtConfiguration(_ settings: Settings) throws -> DHT.Configuration {
        let named = try self.network.namedBootstrap(settings)
        let remembered = RememberedPeers(path: Directories.peersFile)
        return DHT.Configuration(
            protocolPrefix: self.network.prefix(settings),
            mode: .server,
            bootstrap: named.isEmpty ? remembered.addresses : named
        )
    }
}
