/// The bound of everything that others can make `Kademlia` hold, each with its reason (DESIGN.md §7).
package enum Limits {
    /// Inbound streams served at once: each waits for a request most of its life, and a lookup of another node takes
    /// one.
    package static let inboundStreams = 256

    /// Of those, streams of one peer: a lookup asks each peer once, and a busy node runs a few lookups at a time.
    package static let inboundStreamsPerPeer = 32

    /// How long an inbound stream may stay silent between requests: go-libp2p keeps its own that long for reuse.
    package static let streamIdle = Duration.seconds(60)

    /// How long one request of ours may take, its dial included.
    package static let requestTimeout = Duration.seconds(10)

    /// How long we wait for a peer to close the stream of an ADD_PROVIDER, which has no answer.
    package static let acknowledgementTimeout = Duration.seconds(2)

    /// Peers that are tested for the routing table at once: beyond it a newcomer waits until it is met again.
    package static let concurrentChecks = 32

    /// Keys that are announced at once: each announcement is a lookup of up to 20 requests.
    package static let concurrentAnnouncements = 4

    /// When a peer of a small swarm is dialled whose connection was lost: a restart takes some seconds, a reboot a minute.
    package static let reconnectionDelays: [Duration] = [.seconds(2), .seconds(10), .seconds(60)]
}
