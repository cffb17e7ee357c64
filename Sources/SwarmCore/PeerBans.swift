package import P2PWire

/// Which peers failed lately, and for how long they are better left out (`specs/swarm.md` §1).
///
/// A ban is a price, not a prohibition: the planner takes a banned peer where nobody else holds its blocks, so bans never
/// take away a chain that exists.
package struct PeerBans: Sendable {
    package typealias Instant = ContinuousClock.Instant

    private struct Ban {
        /// Failures in a row.
        var strikes: Int
        var end: Instant
    }

    private var bans: [PeerID: Ban] = [:]

    package init() {}

    package var count: Int { self.bans.count }

    /// A peer was lost, or refused or garbled a step.
    ///
    /// Several sessions lose one peer at a time; what happens during a ban only begins it anew.
    package mutating func failed(_ peer: PeerID, now: Instant) {
        var ban = self.bans[peer].flatMap { Self.isForgotten($0, now) ? nil : $0 } ?? Ban(strikes: 0, end: now)
        if ban.strikes == 0 || ban.end <= now { ban.strikes = min(ban.strikes + 1, Limits.strikes) }
        ban.end = now + Self.length(ban.strikes)
        self.bans[peer] = ban
        guard self.bans.count > Limits.bannedPeers else { return }
        let first = self.bans.min { ($0.value.end, $0.key) < ($1.value.end, $1.key) }
        if let first { self.bans[first.key] = nil }
    }

    /// A peer did what it was asked: its failures are forgiven.
    package mutating func succeeded(_ peer: PeerID) {
        self.bans[peer] = nil
    }

    /// When the peer's ban ends; nil when there is none.
    package func end(of peer: PeerID, now: Instant) -> Instant? {
        self.bans[peer].flatMap { $0.end > now ? $0.end : nil }
    }

    /// Whoever is banned now.
    package func banned(now: Instant) -> Set<PeerID> {
        Set(self.bans.lazy.filter { $0.value.end > now }.map(\.key))
    }

    /// Failures in a row of a peer that is banned now; 0 of any other.
    package func strikes(of peer: PeerID, now: Instant) -> Int {
        self.bans[peer].map { $0.end > now ? $0.strikes : 0 } ?? 0
    }

    static func length(_ strikes: Int) -> Duration { Limits.shortestBan * (1 << (strikes - 1)) }

    /// As long after a ban as the longest one took, what was before is another story.
    private static func isForgotten(_ ban: Ban, _ now: Instant) -> Bool {
        now - ban.end > Self.length(Limits.strikes)
    }
}
