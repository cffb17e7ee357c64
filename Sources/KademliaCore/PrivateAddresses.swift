internal import P2PWire

extension Message {
    /// What remains of an answer when its word on addresses that the internet does not route to is not taken: somebody
    /// out there could otherwise make this machine connect to anything in its own network.
    ///
    /// A closer peer that is left without an address is left out; a provider keeps its name, by which it may be found.
    package func withoutPrivateAddresses() -> Message {
        var message = self
        message.closerPeers = self.closerPeers.compactMap { peer in
            let rest = peer.withoutPrivateAddresses()
            return rest.addresses.isEmpty && !peer.addresses.isEmpty ? nil : rest
        }
        message.providerPeers = self.providerPeers.map { $0.withoutPrivateAddresses() }
        return message
    }
}

extension PeerInfo {
    fileprivate func withoutPrivateAddresses() -> PeerInfo {
        PeerInfo(id: self.id, addresses: self.addresses.filter { $0.ipAddress.map { $0.scope == .global } ?? true })
    }
}
