import P2PWire

/// Whom a command is about: a peer wherever it is, or whoever is at an address.
enum PeerReference: Sendable {
    case peer(PeerID)
    case address(Multiaddr)

    /// - Throws: `WireError`, saying what one looks like.
    init(_ text: String) throws(WireError) {
        guard text.hasPrefix("/") else {
            self = .peer(try PeerID(text))
            return
        }
        let address = try Multiaddr(text)
        // `/p2p/ID` alone says who, and not where.
        if let peer = address.peerID, address == address.withoutPeerID {
            self = .peer(peer)
        } else {
            self = .address(address)
        }
    }

    static let help = "A peer id, which the DHT finds, or an address such as /ip4/10.0.0.2/tcp/4801."
}
