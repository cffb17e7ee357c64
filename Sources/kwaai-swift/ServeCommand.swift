import ArgumentParser
import BlockServer
import Kademlia
import Logging
import Model
import P2PCore
import P2PWire
import ShardProtocol
import UnixSignals

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve a range of a model's blocks to the network until SIGTERM or Ctrl-C.",
        discussion: """
            It prints the addresses at which this peer can be dialled and the command with which the next machine joins.
            On SIGTERM it takes no new sessions, finishes the running ones and leaves; a second signal ends it at once.

            Examples:
              kwaai-swift serve --blocks 0..12
              kwaai-swift serve --blocks 12..24 --bootstrap /ip4/10.0.0.2/tcp/4801/p2p/12D3KooW...
              kwaai-swift serve --model ./Llama-3.2-1B --blocks 0..8 --kv-memory 2GiB --allow 12D3KooW...
            """
    )

    @OptionGroup var model: ModelOptions

    @Option(help: ArgumentHelp("The blocks to serve: half-open, 0..12 is blocks 0 to 11.", valueName: "first..end"))
    var blocks: String?

    @OptionGroup var network: NetworkOptions

    @Option(
        help: ArgumentHelp(
            "Listen here; repeat for more. By default on TCP port 4801 of all interfaces.",
            valueName: "multiaddr"
        )
    )
    var listen: [String] = []

    @Option(help: ArgumentHelp("Memory for the KV-caches of all sessions.", valueName: "size"))
    var kvMemory: ByteCount?

    @Option(help: ArgumentHelp("Threads that share each product.", valueName: "count"))
    var threads: Int?

    @Flag(help: "Print one JSON object for each event.")
    var json = false

    func run() async throws {
        let settings = try await Settings.load()
        let directory = try self.model.directory(settings)
        let server = try self.serverConfiguration(settings, model: directory)
        let path = self.network.identity ?? settings.string(.identity) ?? Directories.identityFile
        let identity = try IdentityFile.load(path: path, createIfMissing: true)
        var host = Host.Configuration(
            identity: identity.identity,
            listenAddresses: try self.listenAddresses(settings),
            agentVersion: Version.agent
        )
        host.allowedPeers = try self.network.allowedPeers(settings)
        host.logger = try self.network.logger(settings)
        let output = ServeOutput(json: self.json, model: directory, range: server.range)
        let service = ServeService(
            host: host,
            dht: try self.dhtConfiguration(settings),
            server: server,
            model: directory,
            output: output,
            namesBootstrap: try !self.network.namedBootstrap(settings).isEmpty
        )
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        try await service.run(until: signals)
        // The lock on the identity is held until here.
        withExtendedLifetime(identity) {}
    }

    private func serverConfiguration(
        _ settings: Settings,
        model: ModelDirectory
    ) throws -> BlockServer.Configuration {
        guard let text = self.blocks ?? settings.string(.blocks) else {
            throw ValidationError(
                "Say which blocks to serve: --blocks 0..\(model.configuration.blockCount) is all of this model."
            )
        }
        var configuration = BlockServer.Configuration(range: try BlockRange(text))
        if let memory = try self.kvMemory ?? settings.value(.kvMemory) { configuration.kvMemory = memory.bytes }
        configuration.version = Version.agent
        configuration.logger = try self.network.logger(settings)
        if let threads = try self.threads ?? settings.value(.threads) { configuration.threads = threads }
        return configuration
    }

    private func listenAddresses(_ settings: Settings) throws -> [Multiaddr] {
        let named = self.listen.isEmpty ? settings.strings(.listen) : self.listen
        return try (named.isEmpty ? Defaults.listenAddresses : named).map { try Multiaddr($0) }
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
