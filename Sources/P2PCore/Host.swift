import Logging
import NIOCore
import NIOPosix
public import P2PWire
import Synchronization

/// A peer of the network: listens, dials, and carries streams of any protocol to other peers.
///
/// ``start()`` binds its addresses, ``run()`` serves until the host is closed or the task is cancelled. ``withHost(_:_:)``
/// does both around a body.
public final class Host: Sendable {
    /// Work that ``run()`` takes on as a child task.
    enum Job: Sendable {
        case serve(Connection)
        case dial(PeerInfo, ignoringBackoff: Bool)
        case service(@Sendable () async -> Void)
    }

    package let configuration: Configuration
    let noiseKey = NoiseKeyPair()
    /// What others hold of this host.
    let book: ResourceBook
    let group = MultiThreadedEventLoopGroup.singleton
    /// Where connections live that this host dialled: one thread, so that who speaks to several peers in turn need not
    /// change it.
    let home: any EventLoop
    /// Runs tasks on that thread: exchanges with peers, never anything that blocks, or computes for longer than it takes to wake
    /// another thread.
    public let executor: any TaskExecutor
    /// Whoever holds this lock wakes no task: a task that is being cancelled cannot be woken before its cancellation
    /// handlers have run, and those of a dial take this lock.
    let state = Mutex(HostState())
    let banList = Mutex(BanList())
    let backoff = Mutex(DialBackoff())
    /// Locked before `state`, and never by a cancellation handler, so that tasks may be woken under it.
    private let subscribers = Mutex(Subscribers())
    private let listeners = Mutex<[any Channel]>([])
    private let jobs: AsyncStream<Job>
    private let jobContinuation: AsyncStream<Job>.Continuation

    public init(configuration: Configuration) {
        self.configuration = configuration
        self.book = ResourceBook(limits: configuration.limits)
        self.home = self.group.next()
        self.executor = EventLoopTaskExecutor(self.home)
        (self.jobs, self.jobContinuation) = AsyncStream.makeStream(
            bufferingPolicy: .bufferingOldest(Limits.pendingJobs)
        )
    }

    public var peerID: PeerID { self.configuration.identity.peerID }

    /// Where the host can be reached, without its peer id: the bound addresses, with a wildcard replaced by the addresses
    /// of the interfaces, and those at which several peers have reached it from outside; or those that its configuration
    /// announces instead, while it listens.
    public var listenAddresses: [Multiaddr] {
        let announced = self.configuration.announcedAddresses
        return self.state.withLock { state in
            guard announced.isEmpty || state.listenAddresses.isEmpty else { return announced }
            return state.listenAddresses + state.externalAddresses
        }
    }

    /// Where the host can be reached, with its peer id: what another peer takes as a bootstrap address.
    public var dialAddresses: [Multiaddr] { self.listenAddresses.map { $0.appending(peer: self.peerID) } }

    // MARK: Life

    /// Binds the listen addresses.
    ///
    /// - Throws: `portInUse` naming the port, `invalidConfiguration` for an address that cannot be listened on.
    public func start() async throws(P2PError) {
        let isFirst = self.state.withLock { state in
            guard case .made = state.phase else { return false }
            state.phase = .started
            return true
        }
        guard isFirst else { throw P2PError(.invalidConfiguration, "this host was started before; make a new one") }
        self.installIdentify()
        self.installPing()
        for address in self.configuration.listenAddresses {
            do {
                let listener = try await self.bind(address)
                self.listeners.withLock { $0.append(listener.channel) }
                let own = self.state.withLock { state in
                    state.listenAddresses += listener.addresses
                    return state.listenAddresses.compactMap(\.ipAddress)
                }
                self.book.update { $0.setOwnAddresses(own) }
            } catch {
                await self.close()
                throw error
            }
        }
    }

    /// Serves until the host is closed or the task is cancelled; then closes the host. Everything that the host does on
    /// its own is a child of this call.
    public func run() async {
        await withDiscardingTaskGroup { group in
            for await job in self.jobs {
                switch job {
                case .serve(let connection):
                    group.addTask(executorPreference: connection.executor) { await connection.serve() }
                case .dial(let peer, let ignoringBackoff):
                    group.addTask { await self.settleDial(of: peer, ignoringBackoff: ignoringBackoff) }
                case .service(let body):
                    group.addTask(executorPreference: self.executor) { await body() }
                }
            }
            group.cancelAll()
        }
        await self.close()
    }

    /// Stops listening, ends every connection with a goodbye, and lets ``run()`` return.
    public func close() async {
        let (connections, dials) = self.state.withLock { state in
            state.phase = .closed
            state.listenAddresses = []
            let dials = state.dials.values.flatMap { $0.waiters.values }
            state.dials = [:]
            return (state.connections.values.flatMap { $0 }, dials)
        }
        self.jobContinuation.finish()
        for waiter in dials { waiter.resume(returning: .failure(.hostClosed)) }
        let listeners = self.listeners.withLock { listeners in
            defer { listeners = [] }
            return listeners
        }
        // A listener that fails to close is closed all the same.
        for listener in listeners { try? await listener.close() }
        // All at once: a peer that takes nothing any more holds its connection for a second.
        await withDiscardingTaskGroup { group in
            for connection in connections { group.addTask { await connection.close() } }
        }
        self.subscribers.withLock { $0.finish() }
    }

    /// Hands work to ``run()``; false when too much is waiting for it or the host is closed.
    func submit(_ job: Job) -> Bool {
        if case .enqueued = self.jobContinuation.yield(job) { true } else { false }
    }

    /// Runs `body` as a child of ``run()``, on the thread of the connections that this host dialled; false when too much is
    /// waiting or the host is closed. For conversations that outlive whoever began them.
    package func accompany(_ body: @escaping @Sendable () async -> Void) -> Bool {
        self.submit(.service(body))
    }

    // MARK: Protocols

    /// Serves inbound streams of a protocol, at most `limit` at once, and at most `limitPerPeer` of one peer, so that none
    /// keeps all others out; one more is reset before `body` hears of it.
    ///
    /// `body` runs on the event loop of the stream's connection: it must leave computation to threads of its own. Its
    /// return ends the stream in an orderly way, its error resets it.
    public func handle(
        _ protocolID: ProtocolID,
        limit: Int,
        limitPerPeer: Int? = nil,
        _ body: @escaping @Sendable (PeerStream) async throws -> Void
    ) {
        self.book.update { $0.setLimits(of: protocolID, streams: limit, perPeer: limitPerPeer ?? limit) }
        self.state.withLock { $0.handlers[protocolID] = ProtocolHandler(protocolID: protocolID, body: body) }
        self.announceProtocols()
    }

    /// The protocols that are served, in alphabetical order.
    package var protocols: [ProtocolID] {
        self.state.withLock { $0.handlers.keys.sorted { $0.name < $1.name } }
    }

    func handler(for protocolID: ProtocolID) -> ProtocolHandler? {
        self.state.withLock { $0.handlers[protocolID] }
    }

    // MARK: Streams

    /// Opens a stream to a peer, over a connection that is there or a new one.
    ///
    /// When the peer is known to speak the protocol, this returns at once and the first payload travels with the
    /// proposal; a refusal then shows at the first read. Otherwise it returns when the peer has agreed.
    ///
    /// - Parameter isExpected: whether the caller has reason to believe that the peer speaks it, such as a record that says
    ///   so; it counts until the peer itself has said what it speaks.
    /// - Throws: `unsupportedProtocol` when it does not, which leaves the connection as it is; `dialFailed`,
    ///   `handshakeFailed`, `wrongPeer` or `notAllowed` when there is no connection to be had, `backedOff` when there was
    ///   none a moment ago, `banned`, or `limitReached`.
    public func openStream(
        _ protocolID: ProtocolID,
        to peer: PeerInfo,
        isExpected: Bool = false
    ) async throws(P2PError) -> PeerStream {
        let connection = try await self.connection(to: peer)
        let isKnown = self.identification(of: peer.id)?.protocols.contains(protocolID) ?? isExpected
        return try await connection.openStream(protocolID, lazily: isKnown)
    }

    /// Makes sure that there is a connection to the peer that it has accepted.
    ///
    /// - Parameter ignoringBackoff: Dial at once even if the peer could not be reached a moment ago: a person asked.
    public func connect(to peer: PeerInfo, ignoringBackoff: Bool = false) async throws(P2PError) {
        try await self.connection(to: peer, ignoringBackoff: ignoringBackoff).waitUntilConfirmed()
    }

    // MARK: Peers

    /// What the peer has told of itself; `nil` before it did and once it is no longer connected.
    public func identification(of peer: PeerID) -> Identification? {
        self.state.withLock { $0.identification(of: peer) }
    }

    /// Keeps what a connected peer told of itself.
    package func store(_ identification: Identification, of peer: PeerID) {
        self.state.withLock { $0.store(identification, of: peer) }
        self.tellEvents()
    }

    /// Where a connected peer can be dialed: what it says itself, and where we reached it.
    public func addresses(of peer: PeerID) -> [Multiaddr] {
        self.state.withLock { state in
            let told = state.identification(of: peer)?.listenAddresses ?? []
            let dialed = (state.connections[peer] ?? []).filter { $0.role == .dialer }.map(\.remoteAddress)
            return told + dialed.filter { !told.contains($0) }
        }
    }

    public var connectedPeers: [PeerID] { self.state.withLock { $0.connections.keys.sorted() } }

    /// Whether a stream to the peer needs no dial.
    package func hasUsableConnection(to peer: PeerID) -> Bool {
        self.state.withLock { $0.connection(to: peer) != nil }
    }

    /// Closes every connection to the peer.
    public func disconnect(_ peer: PeerID) async {
        let connections = self.state.withLock { $0.connections[peer] ?? [] }
        for connection in connections { await connection.close() }
    }

    /// Time since anything arrived from the peer; `nil` when it is not connected.
    public func lastFrameAge(of peer: PeerID) -> Duration? {
        self.state.withLock { state in state.connections[peer]?.map(\.lastFrameAge).min() }
    }

    /// What happens to the peers from now on; every call subscribes anew. A subscriber that falls behind loses the oldest
    /// events beyond ``Limits/pendingEvents``.
    public var events: AsyncStream<HostEvent> {
        let (events, continuation) = AsyncStream.makeStream(
            of: HostEvent.self,
            bufferingPolicy: .bufferingNewest(Limits.pendingEvents)
        )
        self.subscribers.withLock { subscribers in
            if case .closed = self.state.withLock({ $0.phase }) {
                continuation.finish()
            } else {
                subscribers.add(continuation)
            }
        }
        return events
    }

    /// Tells the subscribers what has happened to the state.
    private func tellEvents() {
        self.subscribers.withLock { subscribers in
            for event in self.state.withLock({ $0.takeEvents() }) { subscribers.send(event) }
        }
    }

    // MARK: Connections

    /// Decides whether a peer that has proven who it is may stay.
    func admit(_ peer: PeerID, expected: PeerID?, at address: Multiaddr) throws(P2PError) {
        if let expected, expected != peer {
            throw P2PError(
                .wrongPeer,
                "\(peer) answers at \(address) instead of \(expected)"
            )
        }
        guard peer != self.peerID else {
            throw P2PError(.dialFailed, "\(address) is this host itself")
        }
        if let allowed = self.configuration.allowedPeers, !allowed.contains(peer) {
            throw P2PError(.notAllowed, "\(peer) is not among the allowed peers; add it with --allow \(peer)")
        }
        try self.checkBan(of: peer)
    }

    /// A connection is ready.
    ///
    /// - Throws: `closed` or `limitReached`, in which case it is to be closed.
    func connectionOpened(_ connection: Connection) throws(P2PError) {
        let isOpen = self.state.withLock { state in
            if case .closed = state.phase { return false }
            state.add(connection)
            return true
        }
        guard isOpen else { throw .hostClosed }
        self.noteReachable(connection.peer)
        guard self.submit(.serve(connection)) else {
            self.state.withLock { $0.remove(connection) }
            throw P2PError(.limitReached, "this host has too much to do for another connection")
        }
        self.tellEvents()
        self.configuration.logger.debug(
            "connected",
            metadata: [
                "peer": "\(connection.peer)", "address": "\(connection.remoteAddress)", "role": "\(connection.role)",
            ]
        )
        self.identify(connection)
        self.trimConnections()
    }

    func connectionClosed(_ connection: Connection, _ reason: P2PError) {
        self.configuration.logger.debug(
            "disconnected",
            metadata: ["peer": "\(connection.peer)", "address": "\(connection.remoteAddress)", "reason": "\(reason)"]
        )
        self.state.withLock { $0.remove(connection) }
        connection.reservation.update { $0.close(&$1) }
        self.tellEvents()
    }
}

/// Starts a host, lets it run while `body` does its work, and closes it.
///
/// Cancellation reaches `body` alone; the host runs until `body` has ended, which may have goodbyes to send.
@discardableResult
public func withHost<Value: Sendable>(
    _ configuration: Host.Configuration,
    _ body: (Host) async throws -> Value
) async throws -> Value {
    let host = Host(configuration: configuration)
    try await host.start()
    // No child of this task, because a cancelled one would end the host under `body`'s feet. `close()` ends it.
    let running = Task { await host.run() }
    do {
        let value = try await body(host)
        await host.close()
        await running.value
        return value
    } catch {
        await host.close()
        await running.value
        throw error
    }
}
