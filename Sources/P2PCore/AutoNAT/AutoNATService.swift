public import P2PWire
import Synchronization

/// AutoNAT v2: finds out with the help of peers whether others can dial this host, and helps them to the same
/// (libp2p specification, autonat v2).
///
/// ``run()`` asks peers now and then; ``ask(_:toDial:)`` asks one at once.
public final class AutoNATService: Sendable {
    public struct Configuration: Sendable {
        /// Whether to dial peers back that ask for it.
        public var servesOthers = true
        /// Whether to dial addresses of a site that are not the asker's own: on private networks, and in tests.
        public var dialsSites = false
        /// How long a proof may take that a peer says it has sent.
        public var proofPatience = Duration.seconds(5)
        /// The wait before peers are asked first, while there is no verdict, and once there is one.
        public var firstProbe = Duration.seconds(5)
        public var probeInterval = Duration.seconds(60)
        public var confirmationInterval = Duration.seconds(1_800)

        public init() {}
    }

    private unowned let host: Host
    private let configuration: Configuration
    private let client: DialBackClient
    private let state = Mutex(Reachability())
    private let subscribers = Mutex<[AsyncStream<Reachability>.Continuation]>([])

    public init(host: Host, configuration: Configuration = Configuration()) {
        self.host = host
        self.configuration = configuration
        self.client = DialBackClient(host: host, patience: configuration.proofPatience)
        self.client.install()
        if configuration.servesOthers {
            let families = Set(Host.machineAddresses.filter { $0.scope != .loopback }.map(\.family))
            let policy = DialBackPolicy(
                families: families.isEmpty ? [.v4, .v6] : families,
                dialsSites: configuration.dialsSites
            )
            DialRequestService(host: host, policy: policy).install()
        }
    }

    public var reachability: Reachability { self.state.withLock { $0 } }

    /// What is known from now on, each time that it changes; only the latest waits for a slow reader.
    public var changes: AsyncStream<Reachability> {
        let (changes, continuation) = AsyncStream.makeStream(
            of: Reachability.self,
            bufferingPolicy: .bufferingNewest(1)
        )
        self.subscribers.withLock { $0.append(continuation) }
        return changes
    }

    /// Asks a peer to dial the first of `addresses` that it is willing to, and remembers what came of it.
    ///
    /// - Throws: `unsupportedProtocol` when it does not speak AutoNAT v2, `malformed` when it lies about it, and what
    ///   ``Host/openStream(_:to:)`` throws.
    public func ask(_ peer: PeerInfo, toDial addresses: [Multiaddr]) async throws(P2PError) -> DialBackResult {
        let (result, origin) = try await self.client.ask(peer, toDial: addresses)
        if let origin = origin?.ipAddress { self.update { $0.accepted(from: origin, own: Host.machineAddresses) } }
        switch result {
        case .reached(let address): self.note(address, by: peer.id, isReached: true)
        case .notReached(let address): self.note(address, by: peer.id, isReached: false)
        case .refused, .busy: break
        }
        return result
    }

    /// A peer has tried an address of this host.
    func note(_ address: Multiaddr, by peer: PeerID, isReached: Bool) {
        self.update { $0.tried(address, by: peer, isReached: isReached, now: .now) }
        self.host.setExternalAddresses(self.reachability.confirmed(now: .now))
    }

    /// Watches who connects and asks peers now and then, until the task is cancelled or the host is closed.
    public func run() async {
        let events = self.host.events
        await withDiscardingTaskGroup { group in
            group.addTask { await self.probe() }
            for await case .connected(let peer) in events { self.noteInbound(of: peer) }
            group.cancelAll()
        }
        self.subscribers.withLock { subscribers in
            for subscriber in subscribers { subscriber.finish() }
            subscribers = []
        }
    }

    private func update(_ change: (inout Reachability) -> Void) {
        let changed = self.state.withLock { state -> Reachability? in
            let before = state
            change(&state)
            return state == before ? nil : state
        }
        guard let changed else { return }
        self.subscribers.withLock { subscribers in
            subscribers.removeAll { if case .terminated = $0.yield(changed) { true } else { false } }
        }
    }
}

// MARK: - Evidence

extension AutoNATService {
    private func noteInbound(of peer: PeerID) {
        let own = Host.machineAddresses
        for address in self.host.inboundAddresses(of: peer).compactMap(\.ipAddress) {
            self.update { $0.accepted(from: address, own: own) }
        }
    }

    private func probe() async {
        var wait = self.configuration.firstProbe
        while (try? await pause(for: wait)) != nil {
            await self.askSeveral()
            // An answer of the internet is as good as it gets.
            let verdict = self.reachability.verdict(now: .now)
            wait = verdict == .unknown ? self.configuration.probeInterval : self.configuration.confirmationInterval
        }
    }

    /// Asks a few peers, those first that have not been asked of late, for the addresses that fewest have tried.
    private func askSeveral() async {
        let reachability = self.reachability
        let addresses = self.candidates.sorted { reachability.trialCount(of: $0) < reachability.trialCount(of: $1) }
        guard !addresses.isEmpty else { return }
        let able = self.host.connectedPeers.filter(self.host.speaksAutoNAT)
        let fresh = able.filter { !reachability.hasAsked($0) }.shuffled()
        let known = able.filter { reachability.hasAsked($0) }.shuffled()
        await withDiscardingTaskGroup { group in
            for peer in (fresh + known).prefix(Limits.probedPeers) {
                // One that does not answer says nothing of our addresses.
                group.addTask { _ = try? await self.ask(PeerInfo(id: peer, addresses: []), toDial: addresses) }
            }
        }
    }

    /// The addresses that peers should try, the most promising first.
    public var candidates: [Multiaddr] {
        OwnAddresses.candidates(listening: self.host.listenAddresses, observed: self.host.observedAddresses)
    }
}

extension Host {
    /// Where each connected peer says that it sees this host.
    package var observedAddresses: [PeerID: Multiaddr] {
        var observed: [PeerID: Multiaddr] = [:]
        for peer in self.connectedPeers { observed[peer] = self.identification(of: peer)?.observedAddress }
        return observed
    }

    /// Where the peer's connections lead, whoever opened them.
    package func remoteAddresses(of peer: PeerID) -> [Multiaddr] {
        self.state.withLock { state in (state.connections[peer] ?? []).map(\.remoteAddress) }
    }

    /// Whether the peer has said that it dials back.
    package func speaksAutoNAT(_ peer: PeerID) -> Bool {
        self.identification(of: peer)?.protocols.contains(.autoNATDialRequest) ?? false
    }

    /// From where the peer's connections come that it opened itself.
    package func inboundAddresses(of peer: PeerID) -> [Multiaddr] {
        self.state.withLock { state in
            (state.connections[peer] ?? []).filter { $0.role == .listener }.map(\.remoteAddress)
        }
    }
}
