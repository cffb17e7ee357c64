/// A peer and where it may be reached.
public struct PeerInfo: Hashable, Sendable {
    public var id: PeerID
    /// In the order in which they should be tried.
    public var addresses: [Multiaddr]

    public init(id: PeerID, addresses: [Multiaddr]) {
        self.id = id
        self.addresses = addresses
    }
}
