internal import Metrics

/// What coordinators of this process count of their hops, through swift-metrics.
struct HopMetrics: Sendable {
    /// All at once, so that whoever looks finds those too that are zero.
    private static let all = HopMetrics()

    private let compute = Timer(label: "kwaai_hop_compute_seconds")
    private let queue = Timer(label: "kwaai_hop_queue_seconds")
    private let serialise = Timer(label: "kwaai_hop_serialise_seconds")
    /// The rest of the round trips: network, encryption, and what the hop reads and writes.
    private let network = Timer(label: "kwaai_hop_network_seconds")
    private let failovers = Counter(label: "kwaai_failovers_total")
    private let bans = Counter(label: "kwaai_hop_bans_total")
    private let replayedTokens = Counter(label: "kwaai_replayed_tokens_total")

    static func answered(_ timing: StepTiming) {
        Self.all.compute.record(duration: timing.compute)
        Self.all.queue.record(duration: timing.queue)
        Self.all.serialise.record(duration: timing.serialise)
        Self.all.network.record(duration: timing.network)
    }

    /// A peer failed, and is avoided for a while.
    static func banned() { Self.all.bans.increment() }

    static func recovered(_ recoveries: [Recovery]) {
        guard !recoveries.isEmpty else { return }
        Self.all.failovers.increment(by: recoveries.count)
        Self.all.replayedTokens.increment(by: recoveries.reduce(0) { $0 + $1.tokens })
    }
}
