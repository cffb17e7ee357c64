import ArgumentParser
import Coordinator
import Foundation
import Model
import P2PCore
import P2PWire
import ShardProtocol

struct DHTPeersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "peers",
        abstract: "List the peers of the network and the blocks that they serve.",
        discussion: """
            Examples:
              kwaai-swift dht peers
              kwaai-swift dht peers --bootstrap /ip4/10.0.0.2/tcp/4801 --json
              kwaai-swift dht peers --timeout 5
            """
    )

    @OptionGroup var network: NetworkOptions

    @OptionGroup var limit: TimeLimit

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        let settings = try await Settings.load()
        let peers = try await withInterruption {
            try await self.limit.limiting {
                try await withClient(self.network, settings: settings) { swarm in
                    // The peers found are asked afterwards: half of the time is for that.
                    let searchTime = min(self.limit.timeout.duration / 2, .seconds(10))
                    return await Discovery(host: swarm.host, dht: swarm.dht).everybody(searchTime: searchTime)
                }
            }
        }
        if self.json {
            try Terminal.print(json: PeersReport(peers: peers.map(PeersReport.Peer.init)))
        } else {
            try Self.printTable(peers)
        }
    }

    private static func printTable(_ peers: [KnownPeer]) throws {
        var table = Table(header: [
            "PEER", "NAME", "MODEL", "BLOCKS", "STATE", "BLOCKS/S", "FREE KV", "ROUND TRIP", "DIALLED FROM",
            "ADDRESSES",
        ])
        for known in peers {
            let record = known.record
            table.append([
                "\(known.peer.id)",
                record?.name ?? "-",
                record?.modelName ?? "-",
                record.map { "\($0.range) of \($0.blockCount)" } ?? "-",
                record?.state.rawValue ?? (known.roundTrip == nil ? "unreachable" : "no blocks"),
                record.map { $0.blocksPerSecond > 0 ? String(format: "%.0f", $0.blocksPerSecond) : "-" } ?? "-",
                record.map { "\(ByteCount(bytes: Int(clamping: $0.freeKVBytes)))" } ?? "-",
                known.roundTrip.map { String(format: "%.1f ms", $0 / .milliseconds(1)) } ?? "-",
                record?.dialledFrom?.rawValue ?? "-",
                known.peer.addresses.map { "\($0)" }.joined(separator: " "),
            ])
        }
        try Terminal.print(table.lines.joined(separator: "\n"))
    }
}

/// What `dht peers --json` prints.
private struct PeersReport: Encodable {
    var peers: [Peer]

    struct Peer: Encodable {
        var peer: String
        var addresses: [String]
        var name: String?
        var model: String?
        var modelKey: String?
        var blocks: String?
        var blockCount: Int?
        var state: String?
        var blocksPerSecond: Double?
        var freeKVBytes: UInt64?
        var roundTripMilliseconds: Double?
        var dialledFrom: String?

        enum CodingKeys: String, CodingKey {
            case peer, addresses, name, model, blocks, state
            case modelKey = "model_key"
            case blockCount = "block_count"
            case blocksPerSecond = "blocks_per_second"
            case freeKVBytes = "free_kv_bytes"
            case roundTripMilliseconds = "round_trip_ms"
            case dialledFrom = "dialled_from"
        }

        init(_ known: KnownPeer) {
            self.peer = "\(known.peer.id)"
            self.addresses = known.peer.addresses.map { "\($0)" }
            self.name = known.record?.name
            self.model = known.record?.modelName
            self.modelKey = known.record.map { "\($0.modelKey)" }
            self.blocks = known.record.map { "\($0.range)" }
            self.blockCount = known.record?.blockCount
            self.state = known.record?.state.rawValue
            self.blocksPerSecond = known.record?.blocksPerSecond
            self.freeKVBytes = known.record?.freeKVBytes
            self.roundTripMilliseconds = known.roundTrip.map { $0 / .milliseconds(1) }
            self.dialledFrom = known.record?.dialledFrom?.rawValue
        }
    }
}
