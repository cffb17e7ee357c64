import Logging
import NIOCore
public import P2PWire
import Synchronization

/// Somebody with whom a host has nothing to do for a while.
public struct Ban: Sendable, Hashable, Codable {
    /// A peer id, or a network as "203.0.113.9/32".
    public var subject: String
    public var reason: String
    /// How much longer, in seconds.
    public var secondsLeft: Double
}

extension Host {
    /// Has nothing to do with a peer for that long: closes its connections, lets none in and dials none. A process
    /// forgets its bans when it ends.
    public func ban(_ peer: PeerID, for duration: Duration, reason: String) async {
        self.banList.withLock { $0.ban(.peer(peer), for: duration, reason: reason, at: .now()) }
        HostCounters.banned()
        await self.disconnect(peer)
    }

    /// Has nothing for that long to do with anybody at an address, or beside it in the network that one customer of a
    /// provider gets: one IPv4 address, or a /56 of IPv6. Peer ids cost nothing; addresses do.
    ///
    /// - Throws: `invalidConfiguration` for an address that does not begin with an IP address.
    public func ban(networkOf address: Multiaddr, for duration: Duration, reason: String) async throws(P2PError) {
        guard let network = address.ipAddress?.neighbourhood else {
            throw P2PError(.invalidConfiguration, "\(address) has no IP address; give one as /ip4/203.0.113.9/tcp/4801")
        }
        self.banList.withLock { $0.ban(.network(network), for: duration, reason: reason, at: .now()) }
        HostCounters.banned()
        let connections = self.state.withLock { $0.connections.values.flatMap { $0 } }
        for connection in connections where connection.remoteAddress.ipAddress.map(network.contains) ?? false {
            await connection.close()
        }
    }

    /// Ends a ban of a peer before its time, and forgives what led to it.
    public func unban(_ peer: PeerID) {
        self.banList.withLock { $0.lift(.peer(peer)) }
    }

    /// Ends a ban of a network before its time.
    public func unban(networkOf address: Multiaddr) {
        guard let network = address.ipAddress?.neighbourhood else { return }
        self.banList.withLock { $0.lift(.network(network)) }
    }

    /// The bans that hold, the longest first.
    public var bans: [Ban] {
        let now = NIODeadline.now()
        return self.banList.withLock { $0.all(at: now) }
            .map { subject, entry in
                let left = Double((entry.until - now).nanoseconds) / 1e9
                return Ban(subject: subject.description, reason: entry.reason, secondsLeft: left)
            }
    }

    /// A peer that has proven who it is broke a protocol. Some such offences within a while make a ban.
    ///
    /// Only for bytes that no honest peer sends: never for a reset, a refusal or silence.
    package func noteOffence(of peer: PeerID, _ reason: String) {
        let duration = self.banList.withLock { $0.offended(.peer(peer), reason: reason, at: .now()) }
        guard let duration else { return }
        HostCounters.banned()
        self.configuration.logger.notice(
            "banned",
            metadata: ["peer": "\(peer)", "time": "\(duration.formatted)", "reason": "\(reason)"]
        )
        // A host too busy for this closes them with the next offence.
        _ = self.submit(.service { [weak self] in await self?.disconnect(peer) })
    }

    /// - Throws: `banned`, with the time that is left.
    func checkBan(of peer: PeerID) throws(P2PError) {
        try self.checkBan(of: .peer(peer))
    }

    /// - Throws: `banned`, with the time that is left.
    func checkBan(at address: Multiaddr) throws(P2PError) {
        guard let network = address.ipAddress?.neighbourhood else { return }
        try self.checkBan(of: .network(network))
    }

    private func checkBan(of subject: BanList.Subject) throws(P2PError) {
        let now = NIODeadline.now()
        guard let ban = self.banList.withLock({ $0.ban(of: subject, at: now) }) else { return }
        let left = Duration.nanoseconds((ban.until - now).nanoseconds)
        throw P2PError(.banned, "\(subject) is banned for another \(left.formatted): \(ban.reason)")
    }
}

extension IPAddress {
    /// The addresses that one customer of a provider most likely has with this one.
    fileprivate var neighbourhood: IPPrefix {
        switch self.family {
        case .v4: self.prefix(32)
        case .v6: self.prefix(self.isLoopback || self.isPrivate ? 128 : 56)
        }
    }
}
