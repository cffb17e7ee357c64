public import P2PWire

/// How joining the swarm went.
public struct BootstrapReport: Equatable, Sendable {
    /// An address that did not lead to a node of the swarm.
    public struct Failure: Equatable, Sendable, CustomStringConvertible {
        public var address: Multiaddr
        public var reason: String

        public var description: String { "\(self.address) (\(self.reason))" }
    }

    /// Peers in the routing table afterwards.
    public var peerCount: Int
    public var failures: [Failure]
    /// Rounds of the search for this node's own neighbourhood: requests that waited for each other.
    public var rounds: Int
    /// Requests of that search.
    public var requestCount: Int
}
