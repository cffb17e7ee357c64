/// The round trips of a series of pings, as ping(8) sums them up.
public struct RoundTrips: Sendable, Equatable {
    /// Pings that were not answered.
    public private(set) var lost = 0
    public private(set) var answered = 0
    public private(set) var shortest: Duration?
    public private(set) var longest: Duration?
    /// The latest, for the quantiles; at most ``Limits/roundTrips``, of which the oldest makes room.
    private var latest: [Duration] = []
    private var next = 0

    public init() {}

    public var sent: Int { self.answered + self.lost }

    public mutating func answered(after roundTrip: Duration) {
        self.answered += 1
        self.shortest = min(self.shortest ?? roundTrip, roundTrip)
        self.longest = max(self.longest ?? roundTrip, roundTrip)
        if self.latest.count < Limits.roundTrips {
            self.latest.append(roundTrip)
        } else {
            self.latest[self.next] = roundTrip
            self.next = (self.next + 1) % Limits.roundTrips
        }
    }

    public mutating func missed() { self.lost += 1 }

    public var median: Duration? { self.quantile(0.5) }

    /// The smallest round trip that at least this part of them do not exceed; nil when there are none.
    ///
    /// - Parameter part: 0...1; 0.99 is the 99th percentile.
    public func quantile(_ part: Double) -> Duration? {
        guard !self.latest.isEmpty else { return nil }
        let rank = Int((Double(self.latest.count) * part).rounded(.up))
        return self.latest.sorted()[min(max(rank, 1), self.latest.count) - 1]
    }
}
