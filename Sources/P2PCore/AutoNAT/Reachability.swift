public import P2PWire

/// Whether others can dial this host: from where they have, and what became of the addresses that peers were asked to try.
public struct Reachability: Sendable, Equatable {
    /// From how far away somebody has dialled this host.
    public enum Origin: String, Sendable, Comparable {
        /// From this machine at most.
        case nobody
        /// From an address of the same site: a home, an office, a data centre.
        case site
        case internet

        private var distance: Int {
            switch self {
            case .nobody: 0
            case .site: 1
            case .internet: 2
            }
        }

        public static func < (a: Origin, b: Origin) -> Bool { a.distance < b.distance }
    }

    public enum Verdict: Sendable, Equatable {
        /// Nobody could be asked, or too few have tried to say.
        case unknown
        /// More peers have reached each of these than have failed to.
        case reachable([Multiaddr])
        /// Several peers have tried, and none of these addresses was reached.
        case unreachable([Multiaddr])
    }

    /// What one peer found of one address when it last tried.
    private struct Trial: Equatable {
        var observer: PeerID
        var address: Multiaddr
        var isReached: Bool
        var time: ContinuousClock.Instant

        func isFresh(_ now: ContinuousClock.Instant) -> Bool { now - self.time < Limits.trialLifetime }
    }

    public private(set) var dialledFrom = Origin.nobody
    /// The latest last.
    private var trials: [Trial] = []

    public init() {}

    /// Somebody's connection has come in from `remote`.
    ///
    /// - Parameter own: The addresses of this machine, from which it dials itself.
    package mutating func accepted(from remote: IPAddress, own: Set<IPAddress>) {
        guard !own.contains(remote) else { return }
        let origin: Origin =
            switch remote.scope {
            case .loopback, .none: .nobody
            case .linkLocal, .site: .site
            case .global: .internet
            }
        self.dialledFrom = max(self.dialledFrom, origin)
    }

    /// A peer has tried an address of this host; its earlier word on that address counts no more.
    public mutating func tried(_ address: Multiaddr, by observer: PeerID, isReached: Bool, now: ContinuousClock.Instant)
    {
        self.trials.removeAll {
            ($0.observer == observer && $0.address == address) || !$0.isFresh(now)
        }
        if self.trials.count == Limits.trials { self.trials.removeFirst() }
        self.trials.append(Trial(observer: observer, address: address, isReached: isReached, time: now))
    }

    /// How many peers have tried an address of late.
    func trialCount(of address: Multiaddr) -> Int { self.trials.count { $0.address == address } }

    /// Whether the peer has tried any address of late.
    func hasAsked(_ observer: PeerID) -> Bool { self.trials.contains { $0.observer == observer } }

    /// Addresses that several peers have reached: enough to tell others of one that this host only guessed.
    func confirmed(now: ContinuousClock.Instant) -> [Multiaddr] {
        let balance = self.balance(now: now)
        return balance.addresses.filter { balance.of[$0, default: 0] >= Limits.successesForAnnouncement }
    }

    /// What the peers' trials come to. One peer's failure says little: it may itself be cut off, or lie.
    public func verdict(now: ContinuousClock.Instant) -> Verdict {
        let (addresses, balance) = self.balance(now: now)
        let reached = addresses.filter { balance[$0, default: 0] > 0 }
        guard reached.isEmpty else { return .reachable(reached) }
        let failed = addresses.filter { balance[$0, default: 0] <= -Limits.failuresForVerdict }
        return failed.isEmpty ? .unknown : .unreachable(failed)
    }

    /// How many more peers have reached each address than have failed to.
    private func balance(now: ContinuousClock.Instant) -> (addresses: [Multiaddr], of: [Multiaddr: Int]) {
        var addresses: [Multiaddr] = []
        var balance: [Multiaddr: Int] = [:]
        for trial in self.trials where trial.isFresh(now) {
            if balance[trial.address] == nil { addresses.append(trial.address) }
            balance[trial.address, default: 0] += trial.isReached ? 1 : -1
        }
        return (addresses, balance)
    }
}
