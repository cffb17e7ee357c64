package import P2PWire

/// The addresses under which a host might be dialled, before anybody has tried.
package enum OwnAddresses {
    /// What peers should be asked to try: first the addresses that the internet would use, then those of the site, and only
    /// where there is nothing else those of the machine itself.
    ///
    /// - Parameters:
    ///   - listening: Where the host listens.
    ///   - observed: Where each connected peer says that it sees the host: an address that a router lends, whose port is
    ///     that of an outgoing connection. One peer's word is not enough (libp2p specification, identify).
    package static func candidates(listening: [Multiaddr], observed: [PeerID: Multiaddr]) -> [Multiaddr] {
        let known = Set(listening.compactMap(\.ipAddress))
        let lent = self.confirmed(observed).filter { !known.contains($0) }
        let guesses = lent.flatMap { address in
            self.ports(of: listening, address.family).compactMap { port in
                try? Multiaddr(ipAddress: "\(address)", tcpPort: port)
            }
        }
        let all = guesses + listening
        let scopes: [IPAddress.Scope] = [.global, .site]
        let scoped = scopes.flatMap { scope in all.filter { $0.ipAddress?.scope == scope } }
        return scoped.isEmpty ? all : scoped
    }

    /// The addresses that at least two peers agree on, those of most peers first.
    package static func confirmed(_ observed: [PeerID: Multiaddr]) -> [IPAddress] {
        var votes: [IPAddress: Int] = [:]
        for address in observed.values {
            if let address = address.ipAddress { votes[address, default: 0] += 1 }
        }
        return votes.filter { $0.value >= Limits.observersOfAddress }
            .sorted { ($0.value, $1.key.description) > ($1.value, $0.key.description) }
            .map(\.key)
    }

    private static func ports(of addresses: [Multiaddr], _ family: IPAddress.Family) -> [UInt16] {
        var ports: [UInt16] = []
        for address in addresses where address.ipAddress?.family == family {
            if let port = address.tcpEndpoint?.port, !ports.contains(port) { ports.append(port) }
        }
        return ports
    }
}
