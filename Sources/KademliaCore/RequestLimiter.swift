package import NIOCore
package import P2PWire

/// How much each peer may ask of this node: a token bucket for requests of any kind, a second one for announcements of
/// providers, a third for values, which cost memory and a signature's verification.
///
/// A bucket starts full, so that an honest burst passes; it refills at a steady rate. A bucket that is full again says
/// nothing and is forgotten. At most `Limits.limitedPeers` are remembered; the one that was least busy lately makes room.
package struct RequestLimiter: Sendable {
    /// A rate with room for a burst.
    package struct Allowance: Sendable, Equatable {
        package var burst: Double
        /// Tokens that come back each second.
        package var perSecond: Double
    }

    fileprivate struct Buckets: Sendable {
        /// Tokens left of each allowance at `updated`.
        var requests: Double
        var provisions: Double
        var values: Double
        var updated: NIODeadline
    }

    private var byPeer: [PeerID: Buckets] = [:]

    package init() {}

    /// The number of peers that are not back at their full allowance, as of the last use or `expire(now:)`.
    package var count: Int { self.byPeer.count }

    /// Takes one token for a request of `kind` by `peer`; false when there is none, which leaves what there is.
    package mutating func admits(_ kind: Message.Kind, from peer: PeerID, now: NIODeadline) -> Bool {
        var buckets = self.byPeer[peer]?.refilled(now: now) ?? .full(now: now)
        let cost = Self.cost(of: kind)
        let isAdmitted = buckets.requests >= 1 && buckets.provisions >= cost.provisions && buckets.values >= cost.values
        if isAdmitted {
            buckets.requests -= 1
            buckets.provisions -= cost.provisions
            buckets.values -= cost.values
        }
        if self.byPeer[peer] == nil, self.byPeer.count >= Limits.limitedPeers { self.makeRoom(now: now) }
        self.byPeer[peer] = buckets
        return isAdmitted
    }

    /// Forgets the peers that are back at their full allowance.
    package mutating func expire(now: NIODeadline) {
        self.byPeer = self.byPeer.filter { !$0.value.refilled(now: now).isFull }
    }

    /// Whoever asked longest ago has lost the least by being forgotten: its buckets are the fullest.
    private mutating func makeRoom(now: NIODeadline) {
        self.expire(now: now)
        guard self.byPeer.count >= Limits.limitedPeers else { return }
        guard let oldest = self.byPeer.min(by: { $0.value.updated < $1.value.updated })?.key else { return }
        self.byPeer[oldest] = nil
    }

    private static func cost(of kind: Message.Kind) -> (provisions: Double, values: Double) {
        switch kind {
        case .addProvider: (1, 0)
        case .putValue: (0, 1)
        case .getValue, .getProviders, .findNode, .ping: (0, 0)
        }
    }
}

extension RequestLimiter.Buckets {
    fileprivate static func full(now: NIODeadline) -> Self {
        Self(
            requests: Limits.requestAllowance.burst,
            provisions: Limits.provisionAllowance.burst,
            values: Limits.valueAllowance.burst,
            updated: now
        )
    }

    fileprivate func refilled(now: NIODeadline) -> Self {
        // A clock never runs backwards here, and if one did, nobody would gain by it.
        let seconds = max(0, Double((now - self.updated).nanoseconds) / 1e9)
        func level(_ old: Double, _ allowance: RequestLimiter.Allowance) -> Double {
            min(allowance.burst, old + seconds * allowance.perSecond)
        }
        return Self(
            requests: level(self.requests, Limits.requestAllowance),
            provisions: level(self.provisions, Limits.provisionAllowance),
            values: level(self.values, Limits.valueAllowance),
            updated: max(now, self.updated)
        )
    }

    fileprivate var isFull: Bool {
        self.requests >= Limits.requestAllowance.burst && self.provisions >= Limits.provisionAllowance.burst
            && self.values >= Limits.valueAllowance.burst
    }
}
