import ArgumentParser
import Kademlia
import Logging
import P2PCore
import P2PWire

/// How a command reaches the network; the same flags everywhere.
struct NetworkOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Join through this peer; repeat for more. By default the peers met before, then port 4801 of this machine; mDNS finds those of the local network.",
            valueName: "multiaddr"
        ),
        transform: { try Multiaddr($0) }
    )
    var bootstrap: [Multiaddr] = []

    @Option(help: ArgumentHelp("The key that is this peer's identity; made when there is none.", valueName: "file"))
    var identity: String?

    @Option(
        help: ArgumentHelp(
            "Talk with this peer and no other, in both directions; repeat for more.",
            valueName: "peer id"
        ),
        transform: { try PeerID($0) }
    )
    var allow: [PeerID] = []

    @Flag(
        name: .customLong("no-mdns"),
        help: "Neither look for peers on the local network by mDNS nor let them find this one."
    )
    var noMDNS = false

    @Option(help: ArgumentHelp("Kademlia's protocol is PREFIX/kad/1.0.0: /kwaai, or /ipfs.", valueName: "prefix"))
    var dhtPrefix: String?

    @Option(
        help: ArgumentHelp(
            "What to log on stderr: trace, debug, info, notice, warning, error. (default: warning)",
            valueName: "level"
        ),
        transform: Self.level(named:)
    )
    var logLevel: Logger.Level?

    func logger(_ settings: Settings) throws -> Logger {
        var logger = Logger(label: "kwaai-swift", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = try self.logLevel ?? settings.value(.logLevel, Self.level(named:)) ?? .warning
        return logger
    }

    private static func level(named name: String) throws(UsageError) -> Logger.Level {
        guard let level = Logger.Level(rawValue: name) else {
            throw UsageError(
                "\"\(name)\" is no log level: use \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))"
            )
        }
        return level
    }

    func allowedPeers(_ settings: Settings) throws -> Set<PeerID>? {
        let peers = try self.allow.isEmpty ? settings.values(.allow) { try PeerID($0) } : self.allow
        return peers.isEmpty ? nil : Set(peers)
    }

    /// The addresses that the user named, from the command line or else from the settings.
    func namedBootstrap(_ settings: Settings) throws -> [Multiaddr] {
        try self.bootstrap.isEmpty ? settings.values(.bootstrap) { try Multiaddr($0) } : self.bootstrap
    }

    /// Whether peers of the local network are found without naming any.
    func discovers(_ settings: Settings) throws -> Bool {
        let isOff = try self.noMDNS ? true : settings.flag(.noMDNS)
        return !isOff
    }

    func prefix(_ settings: Settings) -> String {
        self.dhtPrefix ?? settings.string(.dhtPrefix) ?? "/kwaai"
    }
}
