import P2PWire

/// How much of its resources a host lends to the network; every number can be changed by who runs it. The defaults let
/// no stranger take more than a fraction, and suit a machine with 4 GiB or more.
public struct ResourceLimits: Sendable, Hashable, Codable {
    /// The whole host. A quarter of everything is kept for what this host begins itself.
    public var system = ResourceBound(
        inbound: ResourceAmount(connections: 768, streams: 12_288, memory: 768 << 20),
        total: ResourceAmount(connections: 1024, streams: 16_384, memory: 1 << 30)
    )

    /// Connections whose handshake is under way: strangers can open them for nothing, and dials wait in here too.
    public var transient = ResourceBound(
        inbound: ResourceAmount(connections: 128, streams: 0, memory: .max),
        total: ResourceAmount(connections: 512, streams: 0, memory: .max)
    )

    /// One peer: two connections after a simultaneous dial, and room for one that redials before it noticed a loss;
    /// memory for six of the largest messages in flight, or for a dozen windows that have grown.
    public var peer = ResourceBound(
        inbound: ResourceAmount(connections: 8, streams: 1024, memory: 256 << 20),
        total: ResourceAmount(connections: 8, streams: 2048, memory: 256 << 20)
    )

    /// One connection: as many streams as Yamux opens, and their windows.
    public var connection = ResourceBound(
        inbound: ResourceAmount(connections: 1, streams: 256, memory: 192 << 20),
        total: ResourceAmount(connections: 1, streams: 512, memory: 192 << 20)
    )

    public var networks = NetworkLimits()

    /// New streams of one peer. A coordinator opens one for each token and hop, thousands a second on one machine.
    public var newStreams = Rate(perSecond: 10_000, burst: 20_000)

    /// How long a new connection is not given up for room, whatever it carries.
    public var trimmingGrace: Duration = .seconds(20)

    public init() {}
}

/// How many inbound connections neighbouring addresses may have, and how fast they may come.
public struct NetworkLimits: Sendable, Hashable, Codable {
    public struct Bound: Sendable, Hashable, Codable {
        /// Connections at a time.
        public var connections: Int
        /// New ones.
        public var rate: Rate

        public init(connections: Int, rate: Rate) {
            self.connections = connections
            self.rate = rate
        }
    }

    /// A public IPv4 address, or a /56 of IPv6, which is what one customer of a provider gets. As go-libp2p has it.
    public var address: Bound? = Bound(connections: 8, rate: Rate(perSecond: 0.2, burst: 16))

    /// A /48 of public IPv6 addresses, the most that one customer gets. As go-libp2p has it.
    public var site: Bound? = Bound(connections: 64, rate: Rate(perSecond: 0.5, burst: 80))

    /// One address of the host's own network: a private one, or one of its own /64. Behind it may be a whole household, when a router translates, or a machine on which many
    /// processes run, each with a connection for every command; and who abuses a private network can be found.
    public var privateAddress: Bound? = Bound(connections: 128, rate: Rate(perSecond: 8, burst: 256))

    /// This machine: whoever is on it can do worse than to connect.
    public var loopback: Bound?

    public init() {}

    /// The groups that an address belongs to, each with its bound.
    ///
    /// - Parameter isNear: It is of the host's own network.
    func groups(of address: IPAddress, isNear: Bool) -> [(prefix: IPPrefix, bound: Bound)] {
        let groups: [(Int, Bound?)] =
            if address.isLoopback {
                [(128, self.loopback)]
            } else if isNear {
                [(128, self.privateAddress)]
            } else {
                switch address.family {
                case .v4: [(32, self.address)]
                case .v6: [(56, self.address), (48, self.site)]
                }
            }
        return groups.compactMap { bits, bound in bound.map { (address.prefix(bits), $0) } }
    }
}
