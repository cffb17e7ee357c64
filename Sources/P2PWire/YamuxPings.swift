import NIOCore

/// The one ping of a session that may be unanswered, and what the answers tell of the round trip.
struct YamuxPings {
    /// Pings while data flows, so that the round trip is that of the path as it is now: the first ones in close
    /// succession, because each may have met a busy peer, and then seldom.
    private static let interval = TimeAmount.seconds(2)
    private static let sampleCount = 8

    private var outstanding: (value: UInt32, sent: NIODeadline)?
    private var nextValue: UInt32 = 1
    private var samples = CircularBuffer<TimeAmount>()
    private var lastAnswer: NIODeadline?

    /// The least of the last answers' times: what was above it was spent in queues, here or there.
    private(set) var roundTrip: TimeAmount?

    /// Whether data that flows is an occasion for another ping.
    func isDue(at now: NIODeadline) -> Bool {
        guard self.outstanding == nil else { return false }
        guard self.samples.count >= Self.sampleCount, let lastAnswer else { return true }
        return now - lastAnswer >= Self.interval
    }

    /// Starts a ping and returns its opaque value; `nil` while another one is unanswered.
    mutating func begin(at now: NIODeadline) -> UInt32? {
        guard self.outstanding == nil else { return nil }
        defer { self.nextValue &+= 1 }
        self.outstanding = (self.nextValue, now)
        return self.nextValue
    }

    /// An answer arrived. One that was never asked for is ignored.
    mutating func answered(_ value: UInt32, at now: NIODeadline) {
        guard let outstanding, outstanding.value == value else { return }
        self.outstanding = nil
        self.lastAnswer = now
        if self.samples.count == Self.sampleCount { self.samples.removeFirst() }
        self.samples.append(now - outstanding.sent)
        self.roundTrip = self.samples.min()
    }
}
