public import Logging
public import P2PWire

extension Host {
    /// What a host is to be; fixed once it is made.
    public struct Configuration: Sendable {
        /// Who the host is: its key, and with it its peer id.
        public var identity: Identity
        /// Where it listens; empty for a host that only dials.
        public var listenAddresses: [Multiaddr]
        /// Where others are told to dial instead, without a peer id: the outside of a forwarded port. Empty: where it listens.
        public var announcedAddresses: [Multiaddr] = []
        /// The name and version of the program, as Identify tells it.
        public var agentVersion: String
        /// The only peers that may connect or be dialed; `nil` for all.
        public var allowedPeers: Set<PeerID>?
        public var logger: Logger
        /// Whom to ask for the records of `/dnsaddr`, each as `/ip4/…/udp/53`; `nil` for those that the system asks.
        public var nameServers: [Multiaddr]?
        public var timeouts = Timeouts()
        /// How much of this machine others may take.
        public var limits = ResourceLimits()

        public init(
            identity: Identity = Identity(),
            listenAddresses: [Multiaddr] = [],
            agentVersion: String = "kwaai-swift",
            allowedPeers: Set<PeerID>? = nil,
            logger: Logger = Logger(label: "p2p")
        ) {
            self.identity = identity
            self.listenAddresses = listenAddresses
            self.agentVersion = agentVersion
            self.allowedPeers = allowedPeers
            self.logger = logger
        }
    }
}

/// Something that happened to the peers of a host.
public enum HostEvent: Sendable, Equatable {
    /// The first connection to the peer is there.
    case connected(PeerID)
    /// The peer has told its protocols and addresses, for the first time or anew.
    case identified(PeerID)
    /// The last connection to the peer is gone.
    case disconnected(PeerID)
}
