package import NIOCore

/// Which connections a host gives up when it has nearly as many as it may have, so that there is room for the next one:
/// a value that is given what it chooses from.
///
/// Above the high mark it closes down to the low mark, and only connections that carry nothing, are no longer new and are
/// not protected. The least valuable go first: those that others began, then those that were silent for longest.
package struct ConnectionTrimming: Sendable, Equatable {
    package struct Candidate: Sendable, Equatable {
        package var number: UInt64
        package var direction: Direction
        package var openedAt: NIODeadline
        /// Time since anything arrived.
        package var silence: Duration
        package var streamCount: Int
        package var isProtected: Bool
    }

    private let bound: ResourceBound
    private let grace: TimeAmount

    package init(bound: ResourceBound, grace: Duration) {
        self.bound = bound
        self.grace = TimeAmount(clamping: grace)
    }

    /// Whether a host with that many connections is above a high mark.
    package func isDue(_ usage: ResourceUsage) -> Bool {
        usage.inbound.connections > Self.high(self.bound.inbound.connections)
            || usage.total.connections > Self.high(self.bound.total.connections)
    }

    /// The numbers of the connections to close, the least valuable first.
    package func choose(_ candidates: [Candidate], usage: ResourceUsage, at now: NIODeadline) -> [UInt64] {
        guard self.isDue(usage) else { return [] }
        var inbound = usage.inbound.connections - Self.low(self.bound.inbound.connections)
        var total = usage.total.connections - Self.low(self.bound.total.connections)
        var chosen: [UInt64] = []
        for candidate in candidates.filter({ self.isIdle($0, at: now) }).sorted(by: Self.isWorthLess) {
            // One that we began makes no room for those that others begin.
            let makesRoom = total > 0 || (inbound > 0 && candidate.direction == .inbound)
            guard makesRoom else { continue }
            chosen.append(candidate.number)
            total -= 1
            if candidate.direction == .inbound { inbound -= 1 }
        }
        return chosen
    }

    private func isIdle(_ candidate: Candidate, at now: NIODeadline) -> Bool {
        candidate.streamCount == 0 && !candidate.isProtected
            && now - candidate.openedAt >= self.grace
    }

    private static func isWorthLess(_ a: Candidate, _ b: Candidate) -> Bool {
        guard a.direction == b.direction else { return a.direction == .inbound }
        return a.silence == b.silence ? a.number < b.number : a.silence > b.silence
    }

    /// Seven eighths, and three quarters: far enough apart that the host seldom looks.
    private static func high(_ limit: Int) -> Int { limit - limit / 8 }
    private static func low(_ limit: Int) -> Int { limit - limit / 4 }
}
