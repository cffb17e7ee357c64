import ArgumentParser
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

    /// A host that serves what the checks of others ask for.
    func configuration() throws -> Host.Configuration {
        Host.Configuration(
            identity: try self.seed.map { try Identity(seed: SHA256.digest($0.utf8)) } ?? Identity(),
            listenAddresses: [try Multiaddr(self.listen)],
            agentVersion: "kwaai-swift-interop",
            logger: Logger(label: "interop-peer", factory: StreamLogHandler.standardError(label:))
        )
    }
}
