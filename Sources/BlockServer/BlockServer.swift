public import Kademlia
internal import Logging
public import Model
internal import NIOCore
public import P2PCore
internal import P2PWire
public import ShardProtocol
internal import Synchronization

/// A peer that holds a range of a model's blocks and runs them for others.
///
/// `run()` loads the range, tests it, announces it and answers until it is cancelled or `drain()` has ended. One server
/// on one host.
public actor BlockServer {
    /// What is there in each part of a server's life.
    enum Phase {
        case created
        case joining(NodeDescription)
        case online(Service)
        case draining(Service)
        case stopped

        var answering: Answering {
            switch self {
            case .created, .joining: .nobodyYet
            case .online(let service): .sessions(service.sessions)
            case .draining(let service): .leavingSessions(service.sessions)
            case .stopped: .nobody
            }
        }
    }

    /// Who answers a step.
    enum Answering {
        case sessions(Sessions)
        /// The same, who say that others are to be looked for.
        case leavingSessions(Sessions)
        /// The weights are being loaded.
        case nobodyYet
        case nobody
    }

    /// What an online server consists of.
    struct Service {
        let description: NodeDescription
        let digests: [[UInt8]]
        let sessions: Sessions
    }

    /// What happens to the server, for one subscriber.
    public nonisolated let events: AsyncStream<Event>
    nonisolated let host: Host
    nonisolated let configuration: Configuration
    nonisolated let dht: DHT?
    private nonisolated let autoNAT: AutoNATService?
    private nonisolated let model: ModelDirectory
    private nonisolated let compute = ComputeQueue(label: "kwaai-blocks")
    nonisolated let eventSource: AsyncStream<Event>.Continuation

    var phase = Phase.created {
        didSet { self.answering.withLock { $0 = self.phase.answering } }
    }
    /// Who answers steps now: asked without a turn of the actor's, so that steps reach their session in the order in which
    /// they arrived.
    private nonisolated let answering = Mutex(Answering.nobodyYet)
    /// Whether `drain()` was called, so that nothing new begins.
    private(set) var isLeaving = false
    private var hasDrained = false
    /// Ends when the server has drained.
    private var drained: AsyncStream<Never>.Continuation?
    private var neighbourhood = Neighbourhood()
    private var sequence: UInt64 = 0

    /// - Parameters:
    ///   - host: started, and running while the server runs; whom it lets connect may use the server.
    ///   - dht: where the range is announced; nil for a server that others are told of in another way.
    ///   - autoNAT: who knows from where this node was dialled, for its record; nil for a record that does not say.
    ///   - model: the files that hold the range.
    /// - Throws: `wrongRange`, `tooLittleMemory`: see `Configuration.check(_:)`.
    public init(
        host: Host,
        dht: DHT?,
        autoNAT: AutoNATService? = nil,
        model: ModelDirectory,
        configuration: Configuration
    ) throws(BlockServerError) {
        try configuration.check(model)
        self.host = host
        self.dht = dht
        self.autoNAT = autoNAT
        self.model = model
        self.configuration = configuration
        (self.events, self.eventSource) = AsyncStream.makeStream(
            bufferingPolicy: .bufferingNewest(Limits.pendingEvents)
        )
    }

    nonisolated var blockCount: Int { self.model.configuration.blockCount }

    public var state: State {
        switch self.phase {
        case .created: .created
        case .joining: .joining
        case .online: .online
        case .draining: .draining
        case .stopped: .stopped
        }
    }

    /// Sessions that hold a KV-cache here.
    public var sessionCount: Int {
        switch self.phase {
        case .online(let service), .draining(let service): service.sessions.count
        case .created, .joining, .stopped: 0
        }
    }

    // MARK: Life

    /// Serves until the task is cancelled or `drain()` has ended.
    ///
    /// - Throws: `unusableModel`, `selfTestFailed`, `alreadyRunning`.
    public func run() async throws(BlockServerError) {
        guard case .created = self.phase else {
            throw BlockServerError(.alreadyRunning, "this block server was run before; make a new one")
        }
        defer { self.stop() }
        var place: BlockRange? = try await self.join()
        while let range = place, !Task.isCancelled { place = try await self.serve(range) }
    }

    func describe(_ range: BlockRange) async throws(BlockServerError) -> NodeDescription {
        let (model, configuration) = (self.model, self.configuration)
        return try await self.compute.run { () throws(BlockServerError) in
            try NodeDescription(model, range: range, version: configuration.version)
        }
    }

    /// Serves a range from loading it to leaving it.
    ///
    /// - Returns: the range to serve next; nil when the server has drained or is cancelled.
    private func serve(_ range: BlockRange) async throws(BlockServerError) -> BlockRange? {
        let description = try await self.describe(range)
        self.phase = .joining(description)
        let ending = await withTaskGroup(of: Result<Ending, BlockServerError>?.self) { group in
            group.addTask {
                await self.announce(description)
                return nil
            }
            group.addTask {
                do throws(BlockServerError) { return .success(try await self.serve(description)) } catch {
                    return .failure(error)
                }
            }
            var result = Result<Ending, BlockServerError>.success(.left)
            for await ending in group {
                guard let ending else { continue }
                result = ending
                group.cancelAll()
            }
            return result
        }
        await self.withdraw(description)
        guard case .moves(let next) = try ending.get(), !self.isLeaving else { return nil }
        self.eventSource.yield(.chose(next))
        return next
    }

    /// Leaves in good order: says so in its record, announces nothing more, takes no new sessions, and lets `run()` return
    /// once those that exist have ended or paused, at most `drainTimeout` later.
    public func drain() async {
        self.isLeaving = true
        switch self.phase {
        case .online(let service):
            self.phase = .draining(service)
            self.eventSource.yield(.draining)
            service.sessions.drain()
            await self.withdraw(service.description)
            await self.waitUntilQuiet(service.sessions)
        case .draining(let service):
            // It was about to move.
            service.sessions.drain()
            await self.waitUntilQuiet(service.sessions)
        case .created, .joining, .stopped: break
        }
        self.hasDrained = true
        self.drained?.finish()
    }

    private func untilDrained() async {
        guard !self.hasDrained else { return }
        let (stream, continuation) = AsyncStream.makeStream(of: Never.self, bufferingPolicy: .bufferingNewest(1))
        self.drained = continuation
        for await _ in stream {}
    }

    func waitUntilQuiet(_ sessions: Sessions) async {
        let deadline = ContinuousClock.now + self.configuration.drainTimeout
        while ContinuousClock.now < deadline, sessions.count > 0, !sessions.isQuiet(since: .now - Self.pause) {
            // Cancellation ends the wait at once.
            guard (try? await Task.sleep(for: .milliseconds(100))) != nil else { return }
        }
    }

    /// A session that has done nothing for so long has been given up, or can be replayed elsewhere.
    private static let pause = Duration.seconds(5)

    private func stop() {
        self.phase = .stopped
        self.eventSource.yield(.stopped)
        self.eventSource.finish()
    }

    // MARK: Serving

    /// Loads and tests the range, then keeps house until the server is needed elsewhere, has drained or is cancelled.
    ///
    private func serve(_ description: NodeDescription) async throws(BlockServerError) -> Ending {
        let (loaded, speed) = try await self.load(description.range)
        let sessions = Sessions(
            loaded,
            range: description.range,
            kvMemory: self.configuration.kvMemory,
            speed: speed,
            compute: self.compute,
            logger: self.configuration.logger
        )
        let service = Service(description: description, digests: loaded.blockDigests, sessions: sessions)
        self.phase = .online(service)
        self.eventSource.yield(.online(blocksPerSecond: speed.blocksPerSecond))
        return await withTaskGroup(of: Ending?.self) { group in
            group.addTask {
                await self.expireSessions(sessions, loaded)
                return nil
            }
            group.addTask {
                await self.followConnections(sessions)
                return nil
            }
            group.addTask {
                await self.lookAround(description)
                return nil
            }
            group.addTask { await self.untilNeededElsewhere(service).map { .moves($0) } }
            group.addTask {
                await self.untilDrained()
                return .left
            }
            defer { group.cancelAll() }
            for await ending in group {
                guard let ending else { continue }
                return ending
            }
            return .left
        }
    }

    /// How serving a range ends.
    private enum Ending {
        case left
        case moves(BlockRange)
    }

    private func load(_ range: BlockRange) async throws(BlockServerError) -> (LoadedRange, SpeedMeter) {
        let (model, configuration, events) = (self.model, self.configuration, self.eventSource)
        let loaded = try await self.compute.run { () throws(BlockServerError) in
            do throws(ModelError) {
                return try LoadedRange(model, range: range.indices, threads: configuration.threads) {
                    events.yield(.loading($0))
                }
            } catch {
                throw BlockServerError(.unusableModel, error.message)
            }
        }
        events.yield(.testing)
        let speed = try await self.compute.run { () throws(BlockServerError) in try SelfTest.run(loaded) }
        return (loaded, speed)
    }

    private func expireSessions(_ sessions: Sessions, _ loaded: LoadedRange) async {
        var saturations = loaded.saturationCount
        while (try? await Task.sleep(for: Self.housekeepingInterval)) != nil {
            sessions.expire(now: .now)
            let count = loaded.saturationCount
            if count > saturations {
                self.configuration.logger.warning(
                    "activations were saturated at the largest f16",
                    metadata: ["count": "\(count - saturations)"]
                )
            }
            saturations = count
        }
    }

    private static let housekeepingInterval = Duration.seconds(5)

    private func followConnections(_ sessions: Sessions) async {
        for await event in self.host.events {
            switch event {
            case .connected(let peer): sessions.connected(peer)
            case .disconnected(let peer): sessions.disconnected(peer)
            case .identified: break
            }
        }
    }

    // MARK: Answering

    func register() {
        serveInference(on: self.host, limit: Limits.concurrentSteps) { [weak self] peer, request in
            await self?.answer(peer, request) ?? Self.gone(request)
        }
        serveInferenceStreams(on: self.host, limit: Limits.sessionStreams) { [weak self] peer, request in
            await self?.answer(peer, request) ?? Self.gone(request)
        }
        serveNodeRecords(on: self.host, limit: Limits.concurrentRecords) { [weak self] in
            await self?.records()
        }
    }

    nonisolated func answer(_ peer: PeerID, _ request: InferenceRequest) async -> InferenceResponse {
        switch self.answering.withLock({ $0 }) {
        case .sessions(let sessions): return await sessions.answer(peer, request)
        case .leavingSessions(let sessions):
            var response = await sessions.answer(peer, request)
            response.step?.isDraining = true
            return response
        case .nobodyYet:
            return .failure(
                InferenceResponse.warmingUpText,
                step: request.step.map { _ in ReplyExtension(code: .warmingUp, retryAfterMilliseconds: 1000) }
            )
        case .nobody: return Self.gone(request)
        }
    }

    private static func gone(_ request: InferenceRequest) -> InferenceResponse {
        .failure("node is leaving; use another peer", step: request.step.map { _ in ReplyExtension(code: .draining) })
    }
}

// MARK: Node records

extension BlockServer {
    /// This server's record as of now; nil before `run()` and after it.
    public var record: NodeRecord? {
        self.makeRecord(now: .now())
    }

    private func makeRecord(now: UnixTime) -> NodeRecord? {
        switch self.phase {
        case .created, .stopped: nil
        case .joining(let description): self.makeRecord(description, .joining, nil, now)
        case .online(let service): self.makeRecord(service.description, .online, service, now)
        case .draining(let service): self.makeRecord(service.description, .draining, service, now)
        }
    }

    private func makeRecord(
        _ description: NodeDescription,
        _ state: NodeRecord.State,
        _ service: Service?,
        _ now: UnixTime
    ) -> NodeRecord {
        // Rises with every record, and over the server's restarts too.
        self.sequence = max(self.sequence + 1, now.seconds * 1000)
        var record = description.record(
            state,
            digests: service?.digests ?? [],
            blocksPerSecond: service?.sessions.blocksPerSecond ?? 0,
            freeKVBytes: service?.sessions.freeKVBytes ?? 0,
            pings: self.neighbourhood.pings,
            sequence: self.sequence,
            now: now
        )
        record.name = self.configuration.name
        record.dialledFrom = self.autoNAT?.reachability.dialledFrom
        return record
    }

    private func records() -> (own: SignedNodeRecord, others: [SignedNodeRecord])? {
        let now = UnixTime.now()
        guard let record = self.makeRecord(now: now) else { return nil }
        return (SignedNodeRecord(record, by: self.host.configuration.identity), self.neighbourhood.fresh(at: now))
    }
}

// MARK: Announcing

extension BlockServer {
    /// Tells the DHT of every segment that the range touches; the DHT repeats it.
    func announce(_ description: NodeDescription) async {
        guard let dht = self.dht else { return }
        var holders = 0
        for key in description.announcementKeys {
            do {
                holders = max(holders, try await dht.provide(key))
            } catch {
                self.configuration.logger.warning("the blocks cannot be announced", metadata: ["error": "\(error)"])
            }
        }
        self.eventSource.yield(.announced(holders: holders))
    }

    func withdraw(_ description: NodeDescription) async {
        for key in description.announcementKeys { await self.dht?.stopProviding(key) }
    }

    /// Learns of other nodes of the model and measures the way to its neighbours, now and then.
    private func lookAround(_ description: NodeDescription) async {
        guard let dht = self.dht else { return }
        repeat {
            let scout = NeighbourScout(host: self.host, dht: dht, description: description)
            let (records, pings) = await scout.look()
            self.neighbourhood.heard(records, except: self.host.peerID, now: .now())
            self.neighbourhood.measured(pings)
        } while (try? await Task.sleep(for: self.configuration.neighbourInterval)) != nil
    }
}
