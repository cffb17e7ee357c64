package import NIOCore
package import P2PWire

/// Which dials are not worth trying yet: a value that is told how dials ended, and given the time.
///
/// The wait grows with the square of the failures, as go-libp2p's does, and is a little shorter for each than its rule
/// says, so that peers who lost another at the same moment do not come back at the same moment.
package struct DialBackoff: Sendable {
    /// What failed.
    package enum Target: Hashable, Sendable {
        /// None of a peer's addresses answered. Those addresses may be somebody's lie, so this wait stays short.
        case peer(PeerID)
        /// Nothing answers at the address.
        case address(Multiaddr)
        /// Something answers at the address, and it is not the peer. Whoever is there can still be dialled as itself: a
        /// liar who names a stranger's address as its own must not make that stranger unreachable.
        case identity(PeerID, at: Multiaddr)
    }

    private struct Entry: Sendable {
        var failures: Int
        var since: NIODeadline
        var until: NIODeadline
    }

    private let capacity: Int
    private var entries: [Target: Entry] = [:]

    package init(capacity: Int = Limits.backoffTargets) {
        self.capacity = capacity
    }

    package var count: Int { self.entries.count }

    /// How long a dial is to wait; `nil` when it may begin.
    package func wait(for target: Target, at now: NIODeadline) -> Duration? {
        guard let entry = self.entries[target], now < entry.until else { return nil }
        return .nanoseconds((entry.until - now).nanoseconds)
    }

    /// How long a dial of a peer at an address is to wait; `nil` when it may begin.
    package func wait(for peer: PeerID, at address: Multiaddr, _ now: NIODeadline) -> Duration? {
        let waits = [Target.address(address), .identity(peer, at: address)].compactMap { self.wait(for: $0, at: now) }
        return waits.max()
    }

    package mutating func failed(
        _ target: Target,
        at now: NIODeadline,
        using random: inout some RandomNumberGenerator
    ) {
        if self.entries[target] == nil { self.makeRoom(at: now) }
        let known = self.entries[target].flatMap { self.isForgotten($0, at: now) ? nil : $0 }
        let failures = min((known?.failures ?? 0) + 1, Limits.backoffFailures)
        let rule = Limits.backoffBase + Limits.backoffGrowth * ((failures - 1) * (failures - 1))
        let wait = min(rule, target.longestWait) * Double.random(in: 0.8...1, using: &random)
        let until = now + TimeAmount(clamping: wait)
        self.entries[target] = Entry(failures: failures, since: now, until: until)
    }

    package mutating func succeeded(_ target: Target) {
        self.entries[target] = nil
    }

    /// As long again as it was waited, nothing was heard of a failure.
    private func isForgotten(_ entry: Entry, at now: NIODeadline) -> Bool {
        now >= entry.until + (entry.until - entry.since)
    }

    /// Drops what is forgotten, or else what would be waited for least.
    private mutating func makeRoom(at now: NIODeadline) {
        guard self.entries.count >= self.capacity else { return }
        self.entries = self.entries.filter { !self.isForgotten($0.value, at: now) }
        guard self.entries.count >= self.capacity else { return }
        if let first = self.entries.min(by: { $0.value.until < $1.value.until }) { self.entries[first.key] = nil }
    }
}

extension DialBackoff.Target {
    fileprivate var longestWait: Duration {
        switch self {
        case .peer: Limits.longestPeerBackoff
        case .address, .identity: Limits.longestAddressBackoff
        }
    }
}
