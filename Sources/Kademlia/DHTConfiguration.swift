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

        /// How often the values that this node has published are put anew: go-libp2p's 22 hours.
        public var valueRepublishInterval = Duration.seconds(79_200)
        /// How long one search may take; what it has found until then is its result.
        public var searchTimeout = Duration.seconds(60)
        /// Whether at most two peers of a network (IPv4 /16, IPv6 /32) are taken into a bucket of the routing table and
        /// three into the whole, and no more than three among those a search settles on: what one party can easily
        /// have many addresses in. Addresses that the internet does not route to never count. Switch it off for a swarm
        /// whose public addresses are neighbours.
        public var limitsNetworks = true
        /// Whether a peer that was met at a public address is believed about private ones. Others than the peers of this
        /// machine's own network could otherwise make it connect to anything in there.
        public var trustsPrivateAddresses = false

        public init(protocolPrefix: String = "/kwaai", mode: Mode = .server, bootstrap: [Multiaddr] = []) {
            self.protocolPrefix = protocolPrefix
            self.mode = mode
            self.bootstrap = bootstrap
        }

        var protocolID: ProtocolID { ProtocolID("\(self.protocolPrefix)/kad/1.0.0") }
    }
}
