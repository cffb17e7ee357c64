import ArgumentParser
import Kademlia
import P2PWire

struct DHTBootstrapCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bootstrap",
        abstract: "Join the network, and say how that went.",
        discussion: """
            Dials the bootstrap peers and looks for the peers around this one, as every command does before its work. The
            peers that are met are remembered.

            Examples:
              kwaai-swift dht bootstrap
              kwaai-swift dht bootstrap --bootstrap /ip4/10.0.0.2/tcp/4801 --json
            """
    )

    @OptionGroup var network: NetworkOptions

    @OptionGroup var limit: TimeLimit

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        let settings = try await Settings.load()
        let report = try await withInterruption {
            try await self.limit.limiting {
                try await withClient(self.network, settings: settings) { swarm in
                    Report(swarm.bootstrap, peers: await swarm.dht.peers)
                }
            }
        }
        if self.json {
            try Terminal.print(json: report)
        } else {
            try Terminal.print(report.lines.joined(separator: "\n"))
        }
    }

    private struct Report: Encodable {
        var peers: [PeerReport]
        var rounds: Int
        var requests: Int
        var failed: [Failure]

        struct Failure: Encodable {
            var address: String
            var reason: String
        }

        init(_ report: BootstrapReport?, peers: [PeerInfo]) {
            self.peers = peers.sorted { $0.id < $1.id }.map(PeerReport.init)
            self.rounds = report?.rounds ?? 0
            self.requests = report?.requestCount ?? 0
            self.failed = (report?.failures ?? []).map { Failure(address: "\($0.address)", reason: $0.reason) }
        }

        var lines: [String] {
            let summary =
                "\(self.peers.count) \(self.peers.count == 1 ? "peer" : "peers") met,"
                + " in \(self.rounds) \(self.rounds == 1 ? "round" : "rounds"),"
                + " with \(self.requests) \(self.requests == 1 ? "request" : "requests")"
            var table = Table(header: ["PEER", "ADDRESSES"])
            for peer in self.peers { table.append([peer.peer, peer.addresses.joined(separator: " ")]) }
            return [summary] + self.failed.map { "no answer from \($0.address): \($0.reason)" }
                + (self.peers.isEmpty ? [] : table.lines)
        }
    }
}
