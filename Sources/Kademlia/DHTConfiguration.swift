public import P2PWire

extension DHT {
    /// What a node of the DHT is to be; fixed once it is made.
    public struct Configuration: Sendable {
        public enum Mode: Equatable, Sendable {
            /// Stores records, answers requests, and is found in the routing tables of others.
            case server
            /// Only asks.
            case client
        }

        /// Names the network: the protocol is `PREFIX/kad/1.0.0`. `/ipfs` is the public one.
        public var protocolPrefix: String
        public var mode: Mode
        /// Peers to start from, with or without `/p2p/ID`.
        public var bootstrap: [Multiaddr]
        /// How often the routing table is checked and its buckets refreshed.
        public var refreshInterval = Duration.seconds(600)
        /// How often what this node provides is announced anew.
        public var republishInterval = Duration.seconds(600)
        /// How often expired records are dropped, failed announcements repeated, and a lonely node tries to bootstrap.
        public var upkeepInterval = Duration.seconds(30)
        /// How long the provider records of others are kept.
        public var providerExpiry = Duration.seconds(1_800)
        /// How long the values of others are kept.
        public var valueExpiry = Duration.seconds(172_800)

        public init(protocolPrefix: String = "/kwaai", mode: Mode = .server, bootstrap: [Multiaddr] = []) {
            self.protocolPrefix = protocolPrefix
            self.mode = mode
            self.bootstrap = bootstrap
        }

        var protocolID: ProtocolID { ProtocolID("\(self.protocolPrefix)/kad/1.0.0") }
    }
}
