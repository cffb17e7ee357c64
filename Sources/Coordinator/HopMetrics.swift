internal import Metrics

/// What coordinators of this process count of their hops, through swift-metrics.
enum HopMetrics {
    private static let compute = Timer(label: "kwaai_hop_compute_seconds")
    private static let queue = Timer(label: "kwaai_hop_queue_seconds")
    /// The rest of the round trips: network, encryption and codecs.
    private static let network = Timer(label: "kwaai_hop_network_seconds")
    private static let failovers = Counter(label: "kwaai_failovers_total")
    private static let bans = Counter(label: "kwaai_hop_bans_total")
    private static let replayedTokens = Counter(label: "kwaai_replayed_tokens_total")

    static func answered(_ timing: StepTiming) {
        self.compute.record(duration: timing.compute)
        self.queue.record(duration: timing.queue)
        self.network.record(duration: timing.network)
    }

    /// A peer failed, and is avoided for a while.
    static func banned() { self.bans.increment() }

    static func recovered(_ recoveries: [Recovery]) {
        guard !recoveries.isEmpty else { return }
        self.failovers.increment(by: recoveries.count)
        self.replayedTokens.increment(by: recoveries.reduce(0) { $0 + $1.tokens })
    }
}
