internal import P2PWire
internal import ShardProtocol

/// How activations travel between hops, which decides what a hop costs.
package enum Routing: Hashable, Sendable {
    /// Every hop answers the coordinator: a whole round trip each.
    case star
    /// Each hop passes its output on to the next: half a round trip each (`/kwaai/inference/1.1.0`).
    case push
}

/// What a step through a chain is expected to cost, in microseconds: whole numbers, so that every machine plans alike.
struct RouteCost {
    let routing: Routing
    /// Bytes of KV-cache that the session needs in each block.
    let kvBytesPerBlock: Int

    /// What an unmeasured round trip is taken for (`specs/swarm.md` §1).
    static let unknownRoundTrip = 150_000
    /// The longest round trip that is believed: a worse one is a lost packet.
    static let longestRoundTrip = 5_000_000
    /// What too little KV-cache costs: such a peer will answer `busy`, but is better than none.
    static let noRoom = 10_000_000
    /// Blocks per second of a peer that has not measured itself.
    static let unmeasuredSpeed = 50.0
    /// The fastest speed that is believed; a lie beyond it gains nothing.
    static let highestSpeed = 1_000_000.0

    /// One block of one decode step.
    func block(on candidate: Candidate) -> Int {
        let announced = candidate.record.blocksPerSecond
        let speed = announced > 0 ? min(announced, Self.highestSpeed) : Self.unmeasuredSpeed
        // Slower than one block in ten minutes is as good as not at all.
        return Int(min(1_000_000 / speed, 600_000_000).rounded())
    }

    /// Reaching `candidate` at `block`, from the hop before or, where there is none, from the coordinator.
    func entry(into candidate: Candidate, at block: Int, from previous: Candidate?) -> Int {
        let distance: Int =
            switch (self.routing, previous) {
            case (.star, _): Self.microseconds(candidate.roundTrip)
            case (.push, nil): Self.microseconds(candidate.roundTrip) / 2
            case (.push, let previous?): Self.microseconds(previous.record.neighbourPings[candidate.peer]) / 2
            }
        let blocks = candidate.record.range.upperBound - block
        let (needed, overflow) = self.kvBytesPerBlock.multipliedReportingOverflow(by: blocks)
        let hasRoom = !overflow && UInt64(clamping: needed) <= candidate.record.freeKVBytes
        return distance + (hasRoom ? 0 : Self.noRoom)
    }

    /// The way back from the last hop.
    func exit(from candidate: Candidate) -> Int {
        self.routing == .push ? Self.microseconds(candidate.roundTrip) / 2 : 0
    }

    private static func microseconds(_ roundTrip: Duration?) -> Int {
        guard let roundTrip else { return Self.unknownRoundTrip }
        return Int(min(max(roundTrip, .zero), .microseconds(Self.longestRoundTrip)) / .microseconds(1))
    }

    private static func microseconds(_ milliseconds: Double?) -> Int {
        guard let milliseconds else { return Self.unknownRoundTrip }
        return Int(min(max(milliseconds * 1000, 0), Double(Self.longestRoundTrip)))
    }
}
