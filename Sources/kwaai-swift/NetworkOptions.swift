import ArgumentParser
import Kademlia
import Logging
import P2PCore
import P2PWire

/// How a command reaches the network; the same flags everywhere.
struct NetworkOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Join through this peer; repeat for more.", valueName: "multiaddr"))
    var bootstrap: [String] = []

    @Option(help: ArgumentHelp("The key that is this peer's identity.", valueName: "file"))
    var identity: String?

    @Option(
        help: ArgumentHelp(
            "Talk with this peer and no other, in both directions; repeat for more.",
            valueName: "peer id"
        )
    )
    var allow: [String] = []

    @Option(help: ArgumentHelp("Kademlia's protocol is PREFIX/kad/1.0.0: /kwaai, or /ipfs.", valueName: "prefix"))
    var dhtPrefix: String?

    @Option(
        help: ArgumentHelp("What to log on stderr: trace, debug, info, notice, warning, error.", valueName: "level"),
        transform: Self.level(named:)
    )
    var logLevel: Logger.Level?

    func logger(_ settings: Settings) throws -> Logger {
        var logger = Logger(label: "kwaai-swift", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = try self.logLevel ?? settings.string(.logLevel).map(Self.level(named:)) ?? .warning
        return logger
    }

    private static func level(named name: String) throws -> Logger.Level {
        guard let level = Logger.Level(rawValue: name) else {
            throw ValidationError(
                "\"\(name)\" is no log level: use \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))."
            )
        }
        return level
    }

    func allowedPeers(_ settings: Settings) throws -> Set<PeerID>? {
        let names = self.allow.isEmpty ? settings.strings(.allow) : self.allow
        return names.isEmpty ? nil : Set(try names.map { try PeerID($0) })
    }

    /// The addresses that the user named, from the command line or else from the settings.
    func namedBootstrap(_ settings: Settings) throws -> [Multiaddr] {
        let names = self.bootstrap.isEmpty ? settings.strings(.bootstrap) : self.bootstrap
        return try names.map { try Multiaddr($0) }
    }

    func prefix(_ settings: Settings) -> String {
        self.dhtPrefix ?? settings.string(.dhtPrefix) ?? "/kwaai"
    }
}
