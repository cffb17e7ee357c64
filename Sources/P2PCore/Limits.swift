import NIOCore

/// The bound of everything that others can make `P2PCore` hold, each with its reason (DESIGN.md §7).
package enum Limits {
    /// Bytes that a connection holds beside its streams: partial messages, negotiations, what is read and encrypted ahead.
    package static let connectionOverhead = 256 * 1024

    /// Bytes that a connection reserves at once: with the window of one stream and the start of a queue, so that a
    /// conversation of one stream at a time never asks for more.
    package static let connectionMemory = 640 * 1024

    /// Bytes by which a connection's memory grows, and its windows' budget, so that it seldom asks.
    package static let memoryStep = 1024 * 1024
    package static let windowStep: UInt32 = 4 * 1024 * 1024

    /// A message above ``framePrefetch`` is reserved this often: as it arrived, as its reader decoded it, and as what is
    /// made of it.
    package static let messageCopies = 3

    /// Networks, and peers, whose rate of new connections or streams is told apart; those beyond share one rate. A bucket
    /// that is full again is forgotten.
    package static let ratedNetworks = 4096
    package static let ratedPeers = 4096

    /// Peers and addresses whose failed dials are remembered.
    package static let backoffTargets = 4096

    /// The wait after a first failed dial, what the square of the further failures adds to it, and how many failures
    /// count: go-libp2p's numbers.
    package static let backoffBase: Duration = .seconds(5)
    package static let backoffGrowth: Duration = .seconds(1)
    package static let backoffFailures = 32

    /// The longest wait for an address at which nothing answers, and for a peer at all its addresses together: who lies
    /// about a peer's addresses hides it for no longer than that.
    package static let longestAddressBackoff: Duration = .seconds(300)
    package static let longestPeerBackoff: Duration = .seconds(30)

    /// Bans kept, and records of offences; beyond that the one that ends first goes.
    package static let bans = 1024

    /// Broken protocols within the window that make a ban: one may be an accident of the network or an old version.
    package static let offencesForBan = 3
    package static let offenceWindow: Duration = .seconds(600)

    /// The first ban; each further one is twice as long, up to the longest. One doubling is forgiven for each such time
    /// without an offence.
    package static let firstBan: Duration = .seconds(60)
    package static let longestBan: Duration = .seconds(3600)
    package static let banLevels = 6
    package static let banForgiveness: Duration = .seconds(3600)

    /// How often a host above its high mark looks for connections that it can give up.
    package static let trimmingPause: Duration = .seconds(5)

    /// Addresses tried for one dial; peers announce a handful.
    package static let addressesPerDial = 16

    /// Names that one dial asks for, `/dnsaddr` within `/dnsaddr` counted, and the addresses taken of each: a name must not
    /// make its dialler ask half the internet.
    package static let namesPerDial = 16
    package static let addressesPerName = 16

    /// How deep `/dnsaddr` may lead to `/dnsaddr`; the public bootstrap list takes two.
    package static let dnsaddrDepth = 4

    /// Name servers that are asked, as many as the C library takes.
    package static let nameServers = 3

    /// Interfaces that mDNS listens on; a machine of containers has many, of which few lead anywhere.
    package static let discoveryInterfaces = 16

    /// Peers found by mDNS that wait to be met, that are being met at once, and that are remembered as met, for how long:
    /// anybody in the local network can name any number of them.
    package static let pendingDiscoveries = 64
    package static let concurrentDiscoveries = 8
    package static let rememberedDiscoveries = 1024
    static let rediscoveryPause = TimeAmount.seconds(30)

    /// Work that waits for ``Host/run()`` to begin it: connections to serve, dials, services.
    package static let pendingJobs = 4096

    /// Inbound streams of a connection that wait for their handler to begin, as many as it may have; more are reset.
    package static let pendingStreams = 256

    /// Bytes that a writer may have queued on a stream before it waits, and at which it may go on.
    package static let writeHighWater = 1024 * 1024
    package static let writeLowWater = 512 * 1024

    /// Pieces smaller than this are copied together as they arrive, because a slice keeps its whole read buffer alive: a
    /// remote's one-byte frames would otherwise hold 64 KiB each.
    package static let smallPiece = 16 * 1024

    /// Bytes that a reader reports as consumed at once; a fraction of the first window, so that credit never dries up.
    package static let consumptionReport = 32 * 1024

    /// Bytes that a connection encrypts ahead of the socket, and the mark under which it goes on.
    package static let socketHighWater = 256 * 1024
    package static let socketLowWater = 64 * 1024

    /// Bytes that wait unsent in the kernel (`TCP_NOTSENT_LOWAT`): what a ping may have to wait for.
    package static let kernelBacklog = 128 * 1024

    /// Bytes that a peer must take of a stream that we closed in every ``Timeouts/linger``, or the rest if that is less: no
    /// line in use is as slow, and a megabyte that a peer takes on purpose byte by byte is held for ten minutes, not for
    /// months.
    package static let lingerProgress = 16 * 1024

    /// How long a connection that has sent asks for the answer before its thread sleeps, and how many messages pass
    /// without that where answers never come in time: about what waking a thread on another core takes, and for a peer
    /// that is slow, or far away, nothing that could be measured.
    static let busyPoll = TimeAmount.microseconds(50)
    package static let busyPollPause = 255

    /// Bytes sent at once after which no answer is waited for like that: more than a step of inference has while tokens are
    /// generated, and less than a transfer sends, whose threads must leave the cores to each other.
    static let busyPollMessage = 32 * 1024

    /// Bytes of one read from a socket; fewer system calls than the usual 64 KiB.
    package static let socketRead = 256 * 1024

    /// Bytes that a framed message may make a reader allocate before they have arrived.
    package static let framePrefetch = 64 * 1024

    /// Addresses told in Identify: they stand in the signed record as well, and both must fit into its 4 KiB.
    package static let announcedAddresses = 16

    /// Streams of Identify, and of its push, served at once: one for every connection of a burst.
    package static let identifyStreams = 256

    /// Of those, streams of one peer: two for each of its connections.
    package static let identifyStreamsPerPeer = 16

    /// Ping streams served at once, which peers hold open between their pings, in all and to one peer.
    package static let pingStreams = 1024
    package static let pingStreamsPerPeer = 4

    /// Bytes that a measurement hands to its stream at once: enough that the hand-over costs nothing beside them.
    package static let perfPiece = 64 * 1024

    /// How much longer than asked for a measurement may take: what is on its way has to arrive.
    package static let perfGrace: Duration = .seconds(30)

    /// Dial requests that are answered in a minute, in all and of one peer, and those of them that name a foreign address;
    /// as many as in go-libp2p.
    package static let dialRequestsPerMinute = 60
    package static let dialRequestsPerMinuteOfPeer = 12
    package static let foreignDialRequestsPerMinute = 12

    /// Streams of dial requests at once, in all and of one peer; of these only one is answered, the other is told so.
    package static let dialRequestStreams = 32
    package static let dialRequestStreamsPerPeer = 2

    /// Streams on which peers dial back at once, in all and of one peer.
    package static let dialBackStreams = 32
    package static let dialBackStreamsPerPeer = 4

    /// A dial request from its first byte to its answer: the data, a random wait of up to 3 s, and the dial.
    package static let dialRequestTime: Duration = .seconds(45)
    package static let foreignDialDelay: Duration = .seconds(3)
    package static let dialBackConnectTime: Duration = .seconds(10)
    package static let dialBackTime: Duration = .seconds(5)

    /// What is remembered of peers that tried this host's addresses, and for how long: addresses of laptops change.
    package static let trials = 64
    package static let trialLifetime = Duration.seconds(10_800)

    /// How many more peers must have failed than succeeded before an address counts as unreachable.
    package static let failuresForVerdict = 2

    /// How many more peers must have reached than failed to before others are told of an address that is only a guess.
    package static let successesForAnnouncement = 2

    /// How many peers must see this host at an address before that counts as its own.
    package static let observersOfAddress = 2

    /// Peers that are asked at once to dial back.
    package static let probedPeers = 3

    /// Round trips of a series of pings that are kept for its quantiles: a day of one a second.
    package static let roundTrips = 86_400

    /// How far a peer's clock may be off before it matters (DESIGN.md §4).
    package static let clockTolerance: Duration = .seconds(300)

    /// Nanoseconds since 1970 between which a number may be a time: from 2020 to 2100.
    package static let earliestClock: UInt64 = 1_577_836_800_000_000_000
    package static let latestClock: UInt64 = 4_102_444_800_000_000_000

    /// Bytes of an identity file that are read: a key takes 68.
    package static let identityFile = 4096

    /// Events that a subscriber may leave unread; the oldest are dropped.
    package static let pendingEvents = 1024
}

/// The times that a connection keeps, each changeable for tests and for unusual networks.
public struct Timeouts: Sendable, Equatable {
    /// From an inbound connection to its authenticated end, and from a dial to a usable connection.
    public var upgrade: Duration = .seconds(15)
    /// The agreement on a stream's protocol.
    public var negotiation: Duration = .seconds(10)
    /// A whole Identify exchange; until it is over, services do not know what the peer speaks.
    public var identify: Duration = .seconds(5)
    /// The answer to a ping.
    public var ping: Duration = .seconds(10)
    /// How long changes of the protocols served are collected before peers are told.
    public var announcement: Duration = .milliseconds(100)
    /// How long a connection may carry no stream before it is closed.
    public var idle: Duration = .seconds(120)
    /// Silence after which a ping asks for a sign of life.
    public var keepalive: Duration = .seconds(30)
    /// How long the answer to that ping may take.
    public var pong: Duration = .seconds(10)
    /// How long a stream that we closed waits for the remote to take what was written, or at least
    /// ``Limits/lingerProgress`` of it, and then to end its direction, before it is reset.
    public var linger: Duration = .seconds(10)
    /// How long a name server, or the system's resolver, may take over one name.
    public var nameLookup: Duration = .seconds(5)
    /// The head start of one address of a peer over the next.
    public var dialStagger: Duration = .milliseconds(250)

    public init() {}
}

extension TimeAmount {
    init(clamping duration: Duration) {
        let (seconds, attoseconds) = duration.components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        self = .nanoseconds(overflow ? .max / 4 : min(product, .max / 4) + attoseconds / 1_000_000_000)
    }
}
