internal import P2PWire
internal import ShardProtocol

/// How activations travel between hops, which decides what a hop costs.
package enum Routing: Hashable, Sendable {
    /// Every hop answers the coordinator: a whole round trip each.
    case star
    /// Each hop that can passes its output on to the next: half a round trip each (`/kwaai/push/1.0.0`).
    case push
}

/// What a step of one token through a chain is expected to cost, in nanoseconds: whole numbers, so that every machine
/// plans alike.
///
/// A chain costs the sum over its hops of ``distance(to:from:)``, ``presence(of:)`` and ``span(of:on:)``, and at last
/// ``departure(from:)``. A session of few tokens is dear in round trips, one over slow machines in blocks; both are in it.
struct RouteCost {
    let routing: Routing
    /// Bytes of KV-cache that the session needs in each block.
    let kvBytesPerBlock: Int

    /// What an unmeasured round trip is taken for (`specs/swarm.md` §1).
    static let unknownRoundTrip = 150_000_000
    /// The longest round trip that is believed: a worse one is a lost packet.
    static let longestRoundTrip = 5_000_000_000
    /// The longest queue that is believed: a longer one is `busy`.
    static let longestQueue = 60_000_000_000
    /// What too little KV-cache costs: such a peer will answer `busy`, but is better than none.
    static let noRoom = 10_000_000_000
    /// Blocks per second of a peer that has not measured itself.
    static let unmeasuredSpeed = 50.0
    /// The shortest time on one block that is believed; a lie beyond it gains nothing.
    static let shortestBlock = 1000
    /// The longest: a block of ten seconds a token is as good as none.
    static let longestBlock = 10_000_000_000
    /// What a hop takes beside its blocks, its queue and the way: codecs, system calls, and threads that are woken. Without it
    /// pings that differ by chance would cut a chain into ever more hops.
    static let handling = 300_000
    /// What each failure of a banned peer costs: more than any chain of `Limits.blocks` blocks without one, so that a
    /// banned peer stands in a chain only where no other holds its blocks.
    static let strike = 1 << 47

    /// One token on one block.
    func block(on candidate: Candidate) -> Int {
        let nanoseconds: Int
        if let measured = candidate.blockTime {
            nanoseconds = measured.wholeNanoseconds
        } else {
            let announced = candidate.record.blocksPerSecond
            let seconds = 1 / (announced > 0 ? announced : Self.unmeasuredSpeed)
            nanoseconds = Int(min(seconds * 1e9, Double(Self.longestBlock)).rounded())
        }
        return min(max(nanoseconds, Self.shortestBlock), Self.longestBlock)
    }

    /// One token on so many blocks, with what it costs if the peer has no room for their KV-cache.
    func span(of blocks: Int, on candidate: Candidate) -> Int {
        blocks * self.block(on: candidate) + (self.hasRoom(for: blocks, on: candidate) ? 0 : Self.noRoom)
    }

    /// The blocks for whose KV-cache the peer has room.
    func room(on candidate: Candidate) -> Int {
        guard self.kvBytesPerBlock > 0 else { return .max }
        return Int(clamping: candidate.record.freeKVBytes / UInt64(self.kvBytesPerBlock))
    }

    func hasRoom(for blocks: Int, on candidate: Candidate) -> Bool { blocks <= self.room(on: candidate) }

    /// What a hop costs wherever it comes from and however long it is.
    func presence(of candidate: Candidate) -> Int {
        Self.handling + self.queue(on: candidate) + min(max(candidate.strikes, 0), Limits.strikes) * Self.strike
    }

    func queue(on candidate: Candidate) -> Int {
        min(max(candidate.queue.wholeNanoseconds, 0), Self.longestQueue)
    }

    /// Reaching `candidate` from the hop before or, where there is none, from the coordinator.
    func distance(to candidate: Candidate, from previous: Candidate?) -> Int {
        guard let previous else { return self.arrival(at: candidate) }
        return self.announcedDistance(to: candidate, from: previous)
            ?? self.departure(from: previous) + self.arrival(at: candidate)
    }

    /// What `previous` says of its way to `candidate`, where it pushes to it, as far as that may be: two that are near to each
    /// other are about as far from here. A way of which it says nothing is taken for the one over the coordinator, which a
    /// direct one seldom exceeds.
    func announcedDistance(to candidate: Candidate, from previous: Candidate) -> Int? {
        guard self.routing == .push, previous.record.speaksPush, candidate.record.speaksPush,
            let announced = previous.record.neighbourPings[candidate.peer]
        else { return nil }
        var least = 0
        if previous.roundTrip != nil, candidate.roundTrip != nil {
            least = abs(self.roundTrip(to: previous) - self.roundTrip(to: candidate))
        }
        return max(Self.roundTrip(milliseconds: announced), least) / 2
    }

    /// From the coordinator to a hop and, in a star, back.
    func arrival(at candidate: Candidate) -> Int {
        self.routing == .star ? self.roundTrip(to: candidate) : self.roundTrip(to: candidate) / 2
    }

    /// The way back to the coordinator, from the last hop or one that does not push to the next.
    func departure(from candidate: Candidate) -> Int {
        self.routing == .star ? 0 : self.roundTrip(to: candidate) / 2
    }

    private func roundTrip(to candidate: Candidate) -> Int {
        guard let roundTrip = candidate.roundTrip else { return Self.unknownRoundTrip }
        return min(max(roundTrip.wholeNanoseconds, 0), Self.longestRoundTrip)
    }

    /// What a peer announces of the way to another.
    static func roundTrip(milliseconds: Double) -> Int {
        Int(min(max(milliseconds * 1e6, 0), Double(Self.longestRoundTrip)))
    }
}

extension Duration {
    /// Rounded towards zero; saturated, since it may come from anywhere.
    var wholeNanoseconds: Int {
        let (seconds, attoseconds) = self.components
        let (whole, overflow) = Int(clamping: seconds).multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, carry) = whole.addingReportingOverflow(Int(attoseconds / 1_000_000_000))
        return carry ? (seconds < 0 ? .min : .max) : sum
    }
}
