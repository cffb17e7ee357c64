import Coordinator
import Foundation
import Model
import P2PWire
import ShardProtocol

/// What `plan` says of the swarm: the chain, where a token's time goes, and whether one machine alone would be faster.
struct RouteReport: Encodable {
    var model: String
    var blockCount: Int
    var tokens: Int
    var chain: [Hop]
    /// How steps go from hop to hop: `star` or `push`.
    var route: String
    var compute: Double
    var queue: Double
    var network: Double
    var total: Double
    var tokensPerSecond: Double
    /// The fastest peer that holds every block.
    var peerAlone: Hop?
    var here: Here
    /// Who would be faster alone: `here`, a peer's id, or nobody.
    var fasterAlone: String?
    var verdict: String

    struct Hop: Encodable {
        var peer: String
        var name: String?
        var blocks: String
        var compute: Double
        var queue: Double
        var network: Double
        var total: Double
        var isMeasured: Bool
        var hasRoom: Bool
        var isBanned: Bool

        enum CodingKeys: String, CodingKey {
            case peer, name, blocks
            case compute = "compute_ms"
            case queue = "queue_ms"
            case network = "network_ms"
            case total = "total_ms"
            case isMeasured = "measured"
            case hasRoom = "has_room"
            case isBanned = "banned"
        }
    }

    /// Every block in this process.
    struct Here: Encodable {
        /// `fits`, `too large` or `no weights`.
        var state: String
        var total: Double?
        var neededBytes: Int?
        var freeBytes: Int?

        enum CodingKeys: String, CodingKey {
            case state
            case total = "total_ms"
            case neededBytes = "needed_bytes"
            case freeBytes = "free_bytes"
        }
    }

    enum CodingKeys: String, CodingKey {
        case model, tokens, chain, route, here, verdict
        case blockCount = "block_count"
        case compute = "compute_ms"
        case queue = "queue_ms"
        case network = "network_ms"
        case total = "total_ms"
        case tokensPerSecond = "tokens_per_second"
        case peerAlone = "peer_alone"
        case fasterAlone = "faster_alone"
    }
}

extension RouteReport {
    init(_ plan: RoutePlan, here: LocalEstimate, model: ModelDirectory, tokens: Int) {
        self.model = model.name
        self.blockCount = model.configuration.blockCount
        self.tokens = tokens
        self.chain = plan.hops.map(Hop.init)
        self.route = plan.way.rawValue
        self.compute = plan.compute.milliseconds
        self.queue = plan.queue.milliseconds
        self.network = plan.network.milliseconds
        self.total = plan.total.milliseconds
        self.tokensPerSecond = plan.total > .zero ? 1000 / plan.total.milliseconds : 0
        self.peerAlone = plan.alone.map(Hop.init)
        self.here = Here(here)
        let judgement = Judgement(plan, here)
        self.fasterAlone = judgement.winner
        self.verdict = judgement.text
    }

    var lines: [String] {
        func time(_ milliseconds: Double) -> String { Duration.milliseconds(milliseconds).text }
        let machines = self.chain.count == 1 ? "one peer" : "\(self.chain.count) peers"
        let rate = String(format: "%.1f", self.tokensPerSecond)
        let summary =
            "\(self.model), \(self.blockCount) blocks over \(machines) by \(self.route): \(time(self.total)) a token is "
            + "expected (\(rate) a second), \(time(self.compute)) of it compute, \(time(self.queue)) queues, "
            + "\(time(self.network)) network."
        var table = Table(header: [
            "HOP", "PEER", "NAME", "BLOCKS", "COMPUTE", "QUEUE", "NETWORK", "IN ALL", "REMARKS",
        ])
        for (index, hop) in self.chain.enumerated() {
            table.append([
                "\(index + 1)", hop.peer, hop.name ?? "-", hop.blocks, time(hop.compute), time(hop.queue),
                time(hop.network), time(hop.total), hop.remarks,
            ])
        }
        return [summary] + table.lines + [self.verdict]
    }
}

extension RouteReport.Hop {
    init(_ hop: RoutePlan.Hop) {
        self.peer = "\(hop.peer)"
        self.name = hop.name
        self.blocks = "\(hop.blocks)"
        self.compute = hop.compute.milliseconds
        self.queue = hop.queue.milliseconds
        self.network = hop.network.milliseconds
        self.total = hop.total.milliseconds
        self.isMeasured = hop.isMeasured
        self.hasRoom = hop.hasRoom
        self.isBanned = hop.isBanned
    }

    fileprivate var remarks: String {
        let remarks = [
            self.isMeasured ? "speed measured" : "speed as announced",
            self.hasRoom ? nil : "too little KV-cache is free",
            self.isBanned ? "failed lately" : nil,
        ]
        return remarks.compactMap(\.self).joined(separator: ", ")
    }
}

extension RouteReport.Here {
    init(_ estimate: LocalEstimate) {
        switch estimate {
        case .absent: self.init(state: "no weights")
        case .tooLarge(let needed, let free):
            self.init(state: "too large", neededBytes: needed, freeBytes: free)
        case .expected(let time): self.init(state: "fits", total: time.milliseconds)
        }
    }
}

/// Whether one machine alone would be faster than the chain.
private struct Judgement {
    /// `here`, or a peer's id; nil where the chain is as fast as anybody.
    var winner: String?
    var text: String

    init(_ plan: RoutePlan, _ here: LocalEstimate) {
        let chain = plan.total
        var sentences: [String] = []
        var best = chain
        if plan.hops.count == 1 {
            sentences.append("The plan is one machine alone: that peer holds every block.")
        } else if let alone = plan.alone {
            let isFaster = alone.total < chain
            if isFaster { (self.winner, best) = ("\(alone.peer)", alone.total) }
            sentences.append(
                "Peer \(alone.peer) alone, which holds every block, would take \(alone.total.text): "
                    + (isFaster ? "faster, but it has too little room or failed lately." : "the chain is faster.")
            )
        } else {
            sentences.append("No peer holds every block.")
        }
        switch here {
        case .absent: sentences.append("This machine has no weights of the model.")
        case .tooLarge(let needed, let free):
            sentences.append(
                "This machine cannot hold the model: it needs \(ByteCount(bytes: needed)), and \(ByteCount(bytes: free))"
                    + " are free."
            )
        case .expected(let time) where time < best:
            self.winner = "here"
            sentences.append(
                "This machine alone would be faster: \(time.text) a token, by its first and last block. Use --local."
            )
        case .expected(let time):
            sentences.append("This machine alone would be slower: \(time.text) a token, by its first and last block.")
        }
        self.text = sentences.joined(separator: " ")
    }
}
