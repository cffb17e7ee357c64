import ArgumentParser
import Kademlia
import P2PWire

struct DHTFindCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "find",
        abstract: "Find out where a peer can be reached.",
        discussion: """
            Prints one address a line, as --bootstrap takes it.

            Examples:
              kwaai-swift dht find 12D3KooWDb7R3ysGeFmNBsoQkHF7AMhvJUoVG17ZEkNzDzfmRWpC
              kwaai-swift dht find 12D3KooW… --timeout 5 --json
            """
    )

    @Argument(help: ArgumentHelp("Whom to look for.", valueName: "peer id"), transform: { try PeerID($0) })
    var peer: PeerID

    @OptionGroup var network: NetworkOptions

    @OptionGroup var limit: TimeLimit

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        let settings = try await Settings.load()
        let found = try await withInterruption {
            try await self.limit.limiting {
                try await withClient(self.network, settings: settings) { swarm in
                    try await swarm.dht.findPeer(self.peer)
                }
            }
        }
        if self.json {
            try Terminal.print(json: PeerReport(found))
        } else {
            let lines = found.addresses.map { "\($0.appending(peer: found.id))" }
            try Terminal.print(lines.joined(separator: "\n"))
        }
    }
}

/// A peer as `dht find --json` and `dht providers --json` print it.
struct PeerReport: Encodable {
    var peer: String
    var addresses: [String]

    init(_ peer: PeerInfo) {
        self.peer = "\(peer.id)"
        self.addresses = peer.addresses.map { "\($0)" }
    }
}
