internal import KademliaCore
internal import NIOCore
public import P2PCore
public import P2PWire

/// A node of the distributed hash table: finds peers, providers and values, and in server mode helps others to
/// (libp2p specification, kad-dht).
///
/// What the protocol is stands in `KademliaCore` as values; this actor keeps one `Node` and drives a `Lookup` for each
/// search. ``run()`` does the upkeep: without it nothing is refreshed, republished or forgotten.
public actor DHT {
    nonisolated let host: Host
    nonisolated let configuration: Configuration
    nonisolated let protocolID: ProtocolID

    var node: Node
    var generator = SystemRandomNumberGenerator()
    /// What this node provides, and how its last announcement went.
    var announcements: [[UInt8]: Announcement] = [:]
    /// The values that this host has published.
    var ownValues: [[UInt8]: OwnValue] = [:]
    /// Peers that are being tested for the routing table.
    var checking: Set<PeerID> = []
    /// Connected peers that have been told what this node provides near them.
    var informed: Set<PeerID> = []

    /// Makes a node on `host`. In server mode it answers requests from now on.
    public init(host: Host, configuration: Configuration) {
        self.host = host
        self.configuration = configuration
        self.protocolID = configuration.protocolID
        var times = Node.Times()
        times.providerExpiry = TimeAmount(configuration.providerExpiry)
        times.recordExpiry = TimeAmount(configuration.valueExpiry)
        let diversity = configuration.limitsNetworks ? Diversity() : nil
        self.node = Node(id: host.peerID, diversity: diversity, times: times, now: .now())
        switch configuration.mode {
        case .server:
            host.handle(self.protocolID, limit: Limits.inboundStreams, limitPerPeer: Limits.inboundStreamsPerPeer) {
                [weak self] stream in
                try await self?.serve(stream)
            }
        case .client:
            break
        }
    }

    /// The routing table: the peers that serve the DHT and answered lately, with their addresses.
    public var peers: [PeerInfo] { self.node.table.members.map(\.peer) }

    /// This node as others are told of it.
    var own: PeerInfo { PeerInfo(id: self.host.peerID, addresses: self.host.listenAddresses) }

    // MARK: Joining

    /// Makes contact with the swarm through the configured bootstrap addresses.
    ///
    /// - Returns: Whom that led to: nobody without bootstrap addresses.
    /// - Throws: `bootstrapFailed`, naming every address and what was wrong with it, when none leads to a node.
    @discardableResult
    public func bootstrap() async throws(DHTError) -> BootstrapReport {
        let own = self.own
        // The first node of a machine finds its own default address among them.
        let addresses = self.configuration.bootstrap.filter {
            $0.peerID != own.id && !own.addresses.contains($0.withoutPeerID)
        }
        let failures = await concurrently(addresses, limit: addresses.count) { await self.join(through: $0) }
            .compactMap { $0 }
            .sorted { "\($0.address)" < "\($1.address)" }
        guard addresses.isEmpty || failures.count < addresses.count else {
            throw DHTError(
                .bootstrapFailed,
                "no bootstrap peer answered: \(failures.map(\.description).joined(separator: "; "));"
                    + " check that one is running there and serves \(self.protocolID)"
            )
        }
        let lookup = await self.search(Message(.findNode, key: self.host.peerID.bytes))
        return BootstrapReport(
            peerCount: self.node.table.count,
            failures: failures,
            rounds: lookup.rounds,
            requestCount: lookup.requestCount
        )
    }

    /// Meets the node at `address`. Returns what was wrong when that failed.
    private func join(through address: Multiaddr) async -> BootstrapReport.Failure? {
        do {
            let peer = PeerInfo(id: try await self.host.dial(address), addresses: [address.withoutPeerID])
            _ = try await self.ask(Message(.findNode, key: self.host.peerID.bytes), of: peer)
            self.answered(peer)
            return nil
        } catch {
            return BootstrapReport.Failure(address: address, reason: error.message)
        }
    }

    // MARK: The routing table

    /// `peer` has answered a request of ours, so it serves.
    func answered(_ peer: PeerInfo) {
        var peer = peer
        let told = self.host.addresses(of: peer.id)
        if !told.isEmpty { peer.addresses = told }
        self.node.table.admit(peer, seenAt: self.host.remoteAddresses(of: peer.id), now: .now())
    }

    /// A request to `peer` failed with `error`.
    func failed(_ peer: PeerID, _ error: P2PError) {
        // A busy peer resets streams, and the others are our own doing: no reason to doubt the peer.
        let harmless: [P2PError.Code] = [.streamReset, .limitReached, .cancelled, .closed]
        if error.code == .unsupportedProtocol {
            self.node.table.remove(peer)
        } else if !harmless.contains(error.code) {
            self.node.table.failed(peer)
        }
    }
}
