package import P2PWire
package import ShardProtocol

/// How fast a coordinator's peers are: what they announce to begin with, what it measured from the first step on.
///
/// Moving averages of three figures for each peer: one token on one block, the wait for a turn, and the way there and
/// back. Only steps of one token count, since several share a pass over the weights. How a step's time falls apart into
/// the three is the peer's word; their sum is the coordinator's own clock's, so a lie only moves time from one to another.
package struct PeerFigures: Sendable {
    package typealias Instant = ContinuousClock.Instant

    private struct Figures {
        var roundTrip = MovingAverage()
        var blockTime = MovingAverage()
        var queue = MovingAverage()
        /// What steps take above a ping: codecs, encryption, a stream of their own.
        var overhead = MovingAverage()
        var lastStep: Instant?
        var updated: Instant
    }

    private var figures: [PeerID: Figures] = [:]

    package init() {}

    package var count: Int { self.figures.count }

    /// A ping came back.
    package mutating func pinged(_ peer: PeerID, roundTrip: Duration, now: Instant) {
        self.update(peer, now) { $0.roundTrip.add(roundTrip) }
    }

    /// A step has been answered.
    ///
    /// - Parameters:
    ///   - blocks: how many the peer ran.
    ///   - tokens: how many it ran through them.
    ///   - network: what the step took beside `compute` and `queue`.
    ///   - isPushed: whether it came from another hop or went on to one: what it took is its share of a longer way then, which
    ///     says nothing of the round trip but where it is longer than that.
    package mutating func ran(
        _ peer: PeerID,
        blocks: Int,
        tokens: Int,
        compute: Duration,
        queue: Duration,
        network: Duration,
        isPushed: Bool = false,
        now: Instant
    ) {
        guard tokens == 1, blocks > 0 else { return }
        self.update(peer, now) { figures in
            figures.blockTime.add(compute / blocks)
            figures.queue.add(queue)
            figures.lastStep = now
            guard !isPushed else { return figures.overhead.add(max(network - figures.roundTrip.value, .zero)) }
            if figures.roundTrip.isEmpty { figures.roundTrip.add(network) }
            figures.overhead.add(network - figures.roundTrip.value)
        }
    }

    /// What a plan should think of a peer.
    package func candidate(_ peer: PeerID, _ record: NodeRecord, now: Instant) -> Candidate {
        var candidate = Candidate(peer: peer, record: record)
        guard let figures = self.figures[peer] else { return candidate }
        if !figures.roundTrip.isEmpty {
            candidate.roundTrip = max(figures.roundTrip.value + figures.overhead.value, .zero)
        }
        if let lastStep = figures.lastStep, now - lastStep < Limits.figuresHold {
            candidate.blockTime = figures.blockTime.value
            let halvings = Int((now - lastStep) / Limits.queueHalves)
            candidate.queue = figures.queue.value / (1 << min(max(halvings, 0), 62))
        }
        return candidate
    }

    private mutating func update(_ peer: PeerID, _ now: Instant, _ body: (inout Figures) -> Void) {
        var figures = self.figures[peer] ?? Figures(updated: now)
        if let lastStep = figures.lastStep, now - lastStep >= Limits.figuresHold { figures = Figures(updated: now) }
        body(&figures)
        figures.updated = now
        self.figures[peer] = figures
        guard self.figures.count > Limits.measuredPeers else { return }
        let oldest = self.figures.min { ($0.value.updated, $0.key) < ($1.value.updated, $1.key) }
        if let oldest { self.figures[oldest.key] = nil }
    }
}

/// The mean of the first samples, then an average in which each new one counts for an eighth.
private struct MovingAverage {
    private(set) var value = Duration.zero
    private var count = 0

    var isEmpty: Bool { self.count == 0 }

    /// A sample counts for a minute at most: one beyond it would never be forgotten.
    mutating func add(_ sample: Duration) {
        let sample = min(max(sample, .seconds(-60)), .seconds(60))
        self.count = min(self.count + 1, 8)
        self.value += (sample - self.value) / self.count
    }
}
