import NIOCore

/// The one ping of a session that may be unanswered, and what the answers tell of the round trip.
struct YamuxPings {
    private var outstanding: (value: UInt32, sent: NIODeadline)?
    private var nextValue: UInt32 = 1
    private(set) var roundTrip: TimeAmount?

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
        self.roundTrip = now - outstanding.sent
        self.outstanding = nil
    }
}
