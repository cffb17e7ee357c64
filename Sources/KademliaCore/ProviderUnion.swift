package import P2PWire

/// The providers that several peers name, each once and with all addresses named for it.
package struct ProviderUnion: Sendable {
    package private(set) var peers: [PeerInfo] = []
    private var indices: [PeerID: Int] = [:]

    package init() {}

    /// Takes what one peer names, no more than anybody needs to name: a liar's list must not crowd out the others'.
    package mutating func add(_ named: [PeerInfo]) {
        for peer in named.prefix(Limits.providersPerAnswer) {
            guard let index = self.indices[peer.id] else {
                guard self.peers.count < Limits.providersPerSearch else { continue }
                self.indices[peer.id] = self.peers.count
                self.peers.append(peer)
                continue
            }
            for address in peer.addresses where !self.peers[index].addresses.contains(address) {
                guard self.peers[index].addresses.count < Limits.addressesPerPeer else { break }
                self.peers[index].addresses.append(address)
            }
        }
    }
}
