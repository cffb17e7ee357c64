internal import Logging
internal import Metrics
internal import NIOCore
internal import P2PCore
internal import P2PWire
internal import Synchronization

/// What a hop knows of pushes: from whom it takes the steps of which session, and whom it may dial for one.
///
/// A push counts only from the peer that the session's coordinator named, as Noise proves it, and only while the
/// coordinator's own stream is there to be answered on.
final class PushDesk: Sendable {
    private struct Key: Hashable {
        var coordinator: PeerID
        var session: SessionID
    }

    private struct Place {
        var predecessor: PeerID
        var stream: SessionStream
        /// The stream on which it pushes, once it has.
        weak var reader: PushReader?
    }

    private struct State {
        /// As many as there are streams of sessions.
        var places: [Key: Place] = [:]
        var opens = TokenBuckets<PeerID>(capacity: Limits.pushDialers)
        var dials = TokenBuckets<PeerID>(capacity: Limits.pushDialers)
        var allDials = TokenBucket(Limits.allPushDials, at: .now())
    }

    private let host: Host
    private let state = Mutex(State())
    private let refusals = Counter(label: "kwaai_pushes_refused_total")

    init(_ host: Host) {
        self.host = host
    }

    // MARK: Taking pushes

    /// The steps of `stream`'s session may be pushed by `predecessor`, and by nobody else.
    func expect(_ session: SessionID, of stream: SessionStream, from predecessor: PeerID) {
        let key = Key(coordinator: stream.coordinator, session: session)
        let old = self.state.withLock { state in
            defer { state.places[key] = Place(predecessor: predecessor, stream: stream) }
            return state.places[key]?.reader
        }
        old?.end()
    }

    /// The steps of a session may be pushed by nobody.
    ///
    /// - Parameter ended: the stream that is over; nil where the coordinator says so, whichever stream was told who may.
    func refuse(_ session: SessionID, of coordinator: PeerID, ended: SessionStream? = nil) {
        let key = Key(coordinator: coordinator, session: session)
        let old = self.state.withLock { state -> PushReader? in
            guard let place = state.places[key], ended == nil || place.stream === ended else { return nil }
            state.places[key] = nil
            return place.reader
        }
        old?.end()
    }

    /// Serves the streams on which others push, at most `limit`, a quarter of them from one peer.
    func install(limit: Int) {
        self.host.handle(PushTarget.protocolID, limit: limit, limitPerPeer: max(1, limit / 4)) { stream in
            try await PushReader(stream, self).run()
        }
    }

    /// The session that a step is of. One stream at a time pushes to it: the one before ends.
    ///
    /// - Throws: `malformed` for what this peer has no business to push.
    fileprivate func session(of request: InferenceRequest, on reader: PushReader) throws(ShardError) -> SessionStream {
        let peer = reader.peer
        if let step = request.step, step.operation == .step, let coordinator = step.coordinator {
            let key = Key(coordinator: coordinator, session: request.sessionID)
            let (stream, old) = self.state.withLock { state -> (SessionStream?, PushReader?) in
                guard let place = state.places[key], place.predecessor == peer else { return (nil, nil) }
                state.places[key]?.reader = reader
                return (place.stream, place.reader)
            }
            if let old, old !== reader { old.end() }
            if let stream { return stream }
        }
        self.refusals.increment()
        self.host.configuration.logger.info("a push was refused", metadata: ["peer": "\(peer)"])
        throw .malformed("\(peer) pushes steps of a session that takes none from it")
    }

    // MARK: Pushing on

    /// A way to push to `target`, because `coordinator` asks for it; nil when there is none, or one may not be looked for.
    ///
    /// - Parameter broke: called when it breaks.
    func edge(
        to target: PushTarget,
        for coordinator: PeerID,
        at address: Multiaddr,
        _ broke: @escaping @Sendable (PushEdge) -> Void
    ) async -> PushEdge? {
        var peer = target.peer
        // Also of a connected peer: its connection may be gone by the time it is needed.
        peer.addresses = Self.dialable(peer.addresses, askedFrom: address.ipAddress, own: Host.machineAddresses)
        guard self.mayOpen(for: coordinator, now: .now()) else { return nil }
        if !self.host.hasUsableConnection(to: peer.id) {
            guard !peer.addresses.isEmpty, self.mayDial(for: coordinator, now: .now()) else { return nil }
        }
        let wanted = peer
        let stream = try? await withDeadline(Limits.pushDialTime, "reaching \(peer.id)") {
            () async throws(P2PError) in
            try await self.host.openStream(PushTarget.protocolID, to: wanted, isExpected: true)
        }
        guard let stream else { return nil }
        let edge = PushEdge(stream, to: target)
        guard self.host.accompany({ if await edge.run() { broke(edge) } }) else {
            stream.reset()
            return nil
        }
        return edge
    }

    /// As for AutoNAT: nobody has this host dial itself or its cable; its site only where it has nothing but a site.
    static func dialable(_ addresses: [Multiaddr], askedFrom asker: IPAddress?, own: Set<IPAddress>) -> [Multiaddr] {
        let outside = own.filter { $0.scope != .loopback }
        let families = Set(outside.map(\.family))
        let policy = DialBackPolicy(
            families: families.isEmpty ? [.v4, .v6] : families,
            dialsSites: !outside.contains { $0.scope == .global }
        )
        return addresses.filter { policy.decision(on: $0, observed: asker) != .refuse }
    }

    func mayOpen(for coordinator: PeerID, now: NIODeadline) -> Bool {
        self.state.withLock { $0.opens.take(coordinator, Limits.pushOpens, at: now) == nil }
    }

    func mayDial(for coordinator: PeerID, now: NIODeadline) -> Bool {
        self.state.withLock { state in
            guard state.allDials.wait(at: now) == nil,
                state.dials.take(coordinator, Limits.pushDials, at: now) == nil
            else { return false }
            state.allDials.take()
            return true
        }
    }
}

/// One stream on which another hop pushes.
private final class PushReader: Sendable {
    private let stream: PeerStream
    private let desk: PushDesk
    private let state = Mutex(State())

    private struct State {
        var lastPush = ContinuousClock.now
        /// The one that all its steps are of; nil before the first that counts.
        weak var session: SessionStream?

        func isIdle(at now: ContinuousClock.Instant) -> Bool {
            now - self.lastPush > (self.session == nil ? .zero : Limits.streamIdle)
        }
    }

    init(_ stream: PeerStream, _ desk: PushDesk) {
        self.stream = stream
        self.desk = desk
    }

    var peer: PeerID { self.stream.remotePeer }

    /// Nothing more is taken from it.
    func end() { self.stream.reset() }

    /// Takes steps until the other hop ends its direction.
    ///
    /// - Throws: what broke the stream, for which it is to be reset.
    func run() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { await self.endWhenIdle() }
            defer { group.cancelAll() }
            try await withThrowingDiscardingTaskGroup { steps in
                while let message = try await self.stream.nextFrame(limit: Limits.receivedMessage) {
                    let start = ContinuousClock.now
                    let request = try InferenceRequest(decoding: message)
                    let session = try self.desk.session(of: request, on: self)
                    try self.checkSession(session)
                    self.state.withLock { state in
                        state.lastPush = start
                        state.session = session
                    }
                    let run = session.begin(request, message.readableBytes, reading: start.duration(to: .now))
                    // At once, so that steps reach their session in the order in which they were pushed.
                    steps.addImmediateTask { await run() }
                    // What it has to say leaves before this task gets ready for the next step.
                    await Task.yield()
                    await session.waitForRoom()
                }
            }
        }
    }

    private func checkSession(_ session: SessionStream) throws(ShardError) {
        let isOwn = self.state.withLock { $0.session == nil || $0.session === session }
        guard isOwn else { throw .malformed("a stream of \(PushTarget.protocolID) carries the steps of one session") }
    }

    /// Who opens streams and pushes nothing must not keep places.
    private func endWhenIdle() async {
        while (try? await pause(for: Limits.transferTime)) != nil {
            if self.state.withLock({ $0.isIdle(at: .now) }) { return self.stream.reset() }
        }
    }
}
