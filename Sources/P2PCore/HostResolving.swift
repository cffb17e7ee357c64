import NIOCore
import P2PWire

/// Names in addresses, resolved before a dial: the sockets themselves only know numbers.
extension Host {
    /// Where to try a peer, each place once; an address that ends in another peer's id is not this peer's.
    ///
    /// - Throws: `dialFailed` when the peer has no address that can be dialed, saying what was wrong with a name.
    func places(of peer: PeerInfo) async throws(P2PError) -> ArraySlice<Multiaddr> {
        let named = peer.addresses.filter { ($0.peerID ?? peer.id) == peer.id }
        let resolved = try await self.resolve(named.prefix(Limits.addressesPerDial).map(\.self))
        var seen: Set<Multiaddr> = []
        let places = resolved.filter { $0.tcpEndpoint != nil && ($0.peerID ?? peer.id) == peer.id }
            .map(\.withoutPeerID)
            .filter { seen.insert($0).inserted }
            .prefix(Limits.addressesPerDial)
        guard !places.isEmpty else {
            throw P2PError(.dialFailed, "no TCP address of \(peer.id) is known; give one as /ip4/…/tcp/…")
        }
        return places
    }

    /// The numbers behind an address, of whoever is there.
    func places(at address: Multiaddr) async throws(P2PError) -> ArraySlice<Multiaddr> {
        try await self.resolve([address]).prefix(Limits.addressesPerDial)
    }

    private func resolve(_ addresses: [Multiaddr]) async throws(P2PError) -> [Multiaddr] {
        guard addresses.contains(where: \.hasName) else { return addresses }
        let servers = self.configuration.nameServers.map { $0.compactMap(Self.socketAddress(ofServer:)) }
        let dns = DNSClient(
            servers: servers ?? DNSClient.systemServers(),
            eventLoop: self.home,
            patience: self.configuration.timeouts.nameLookup
        )
        var resolver = AddressResolver(dns: dns)
        return try await resolver.resolve(addresses)
    }

    private static func socketAddress(ofServer address: Multiaddr) -> SocketAddress? {
        guard address.components.count == 2, case .udp(let port) = address.components[1] else { return nil }
        switch address.components[0] {
        case .ip4(let ip), .ip6(let ip): return try? SocketAddress(ipAddress: ip.description, port: Int(port))
        case .dns, .dns4, .dns6, .dnsaddr, .tcp, .udp, .p2p, .p2pCircuit, .quicV1, .ws: return nil
        }
    }
}

extension Multiaddr {
    /// Whether it begins with a name that is to be resolved.
    fileprivate var hasName: Bool {
        switch self.components[0] {
        case .dns, .dns4, .dns6, .dnsaddr: true
        case .ip4, .ip6, .tcp, .udp, .p2p, .p2pCircuit, .quicV1, .ws: false
        }
    }
}
