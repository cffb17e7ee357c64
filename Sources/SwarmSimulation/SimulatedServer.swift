internal import P2PWire
internal import ShardProtocol
internal import SwarmCore

/// A block server: the real ledger, budget and scheduler, around a toy model. It does what `BlockServer.Sessions` does.
struct SimulatedServer: Sendable {
    typealias Instant = ContinuousClock.Instant

    enum Phase: Sendable {
        /// Its process does not run.
        case stopped
        case joining
        case online
        /// Takes no new sessions; `since` it said so.
        case draining(since: Instant)
    }

    /// What never changes.
    struct Properties: Sendable {
        var peer: Int
        var id: PeerID
        var model: ToyModel
        /// What a token takes on a block.
        var blockTime: Duration
        var kvBytes: Int
        /// Blocks that one with `--blocks auto` can hold; nil for one whose owner chose.
        var choice: Int?
        var speaksExtension: Bool
        var speaksStreams: Bool
        var speaksPush: Bool
        var lie: Lie?
        /// What its passes take, for each second that they have a processor.
        var contention: Double
        /// Its calendar is wrong by so many seconds.
        var clockError: Int
        /// Never fails by itself.
        var isSteadfast: Bool
    }

    /// A request that has not been answered.
    struct Waiter: Sendable {
        let link: Link
        /// Which of the connections of that link.
        let connection: Int
        let key: SessionKey
        let step: StepRequest
        let message: StepMessage
        let arrival: Instant
        var joins: StepID?
    }

    /// A step in the scheduler's hands.
    struct Work: Sendable {
        let key: SessionKey
        let order: SessionLedger.RunOrder
        let message: StepMessage
        let arrival: Instant
        var values: [UInt64] = []
        var computing = Duration.zero
    }

    /// What it sends: an answer to whoever dialled, or a push over a connection of its own.
    struct Reply: Sendable {
        let link: Link
        let connection: Int
        let message: Message
    }

    let properties: Properties
    var blocks: BlockRange
    var phase = Phase.stopped
    /// Rises with every start: what was scheduled for an earlier process means nothing.
    var incarnation = 0
    /// Until then nothing gets in or out, and nothing is computed.
    var pausedUntil: Instant?
    /// Until then no pass ends.
    var stalledUntil: Instant?
    /// How much slower than usual it computes.
    var slowness = 1.0

    var ledger: SessionLedger
    var scheduler = BatchScheduler(rowsPerPass: Self.rowsPerPass)
    var gathering = Gathering()
    /// When what waits is looked at again, where it waits for company.
    var wakesAt: Instant?
    var caches: [SessionKey: ToyModel.Cache] = [:]
    var waiters: [StepID: Waiter] = [:]
    var work: [StepID: Work] = [:]
    var pass: BatchScheduler.Batch?
    /// Streams of sessions, as its coordinators opened them.
    var streams: [SessionKey: SessionStream] = [:]
    /// Sessions that their coordinators have closed while a step of theirs runs.
    var closing: Set<SessionKey> = []
    /// What a liar pushed last, of each session.
    var lastPushes: [SessionKey: (edge: Edge, push: PushMessage)] = [:]
    private var nextStep: UInt64 = 0
    private var recordSequence: UInt64 = 0
    /// Whom it saw when it chose its blocks.
    var seen: [Joiner] = []
    /// What the values let pass that they must not, in words.
    var violations: [String] = []
    /// Steps that were refused for want of room.
    var busyCount = 0
    /// How often what was ready waited for company.
    var gatherings = 0
    /// Sessions that were forgotten because nobody closed them.
    var expiredSessions = 0

    static let rowsPerPass = 256
    static let contextLength = 4096
    /// Tokens of a page, and bytes of one on a block.
    static let (pageTokens, pageBytes) = (32, 1024)

    init(_ properties: Properties, blocks: BlockRange) {
        self.properties = properties
        self.blocks = blocks
        self.ledger = Self.ledger(properties)
    }

    private static func ledger(_ properties: Properties) -> SessionLedger {
        SessionLedger(
            configuration: SessionLedger.Configuration(
                kvBytes: properties.kvBytes,
                contextLength: Self.contextLength,
                bytesOfSession: { Self.bytes(of: $1) * $0.count }
            )
        )
    }

    /// What so many tokens take on a block.
    static func bytes(of tokens: Int) -> Int { (tokens + Self.pageTokens - 1) / Self.pageTokens * Self.pageBytes }

    var isRunning: Bool {
        if case .stopped = self.phase { false } else { true }
    }

    var isLeaving: Bool {
        if case .draining = self.phase { true } else { false }
    }

    // MARK: Life

    /// The process begins; nothing is left of an earlier one.
    mutating func start() {
        self.incarnation += 1
        self.phase = .joining
        self.forgetEverything()
    }

    /// The process ends.
    mutating func stop() {
        self.incarnation += 1
        self.phase = .stopped
        self.pausedUntil = nil
        self.stalledUntil = nil
        self.slowness = 1
        self.streams = [:]
        self.lastPushes = [:]
        self.forgetEverything()
    }

    private mutating func forgetEverything() {
        self.ledger = Self.ledger(self.properties)
        self.scheduler = BatchScheduler(rowsPerPass: Self.rowsPerPass)
        self.gathering = Gathering()
        self.wakesAt = nil
        self.caches = [:]
        self.closing = []
        self.waiters = [:]
        self.work = [:]
        self.pass = nil
    }

    /// What is left of sessions and steps, in words; nil where nothing is.
    var remains: String? {
        let counts = [
            ("sessions", self.ledger.sessionCount), ("reserved bytes", self.ledger.reservedKVBytes),
            ("caches", self.caches.count), ("unanswered requests", self.waiters.count), ("steps", self.work.count),
            ("waiting steps", self.scheduler.waitingCount), ("passes", self.pass == nil ? 0 : 1),
            ("streams", self.streams.count), ("sessions being closed", self.closing.count),
            ("sessions that may be waited for", self.gathering.count), ("wakes", self.wakesAt == nil ? 0 : 1),
        ].filter { $0.1 != 0 }
        return counts.isEmpty ? nil : counts.map { "\($0.1) \($0.0)" }.joined(separator: ", ")
    }

    // MARK: Records

    /// What it says of itself; nil while it does not run.
    mutating func record(model: ModelKey, clock: UnixTime) -> NodeRecord? {
        let state: NodeRecord.State
        switch self.phase {
        case .stopped: return nil
        case .joining: state = .joining
        case .online: state = .online
        case .draining: state = .draining
        }
        self.recordSequence = max(self.recordSequence + 1, clock.seconds * 1000)
        let blockCount = self.properties.model.blockCount
        let everything = try? BlockRange(0, blockCount)
        let range = self.properties.lie == .blocks ? everything ?? self.blocks : self.blocks
        let weights = UInt8(truncatingIfNeeded: self.properties.model.weights)
        let speed = Duration.seconds(1) / (self.properties.blockTime * self.slowness)
        return NodeRecord(
            modelName: "toy",
            modelKey: model,
            fingerprint: [UInt8](repeating: weights, count: NodeRecord.digestByteCount),
            range: range,
            blockCount: blockCount,
            blockDigests: range.indices.map { [UInt8(truncatingIfNeeded: $0), weights] },
            weightFormat: "f16",
            numerics: 1,
            state: state,
            blocksPerSecond: self.properties.lie == .speed ? 1000 * speed : speed,
            freeKVBytes: UInt64(clamping: self.ledger.freeKVBytes),
            protocols: (self.properties.speaksStreams ? [InferenceStream.protocolID.name] : [])
                + (self.properties.speaksPush ? [PushTarget.protocolID.name] : []),
            extensions: self.properties.speaksExtension ? [StepExtension.name] : [],
            version: "simulated",
            sequence: self.recordSequence,
            expiry: clock.advanced(bySeconds: 30 * 60)
        )
    }

    mutating func nextStepID() -> StepID {
        defer { self.nextStep += 1 }
        return StepID(rawValue: self.nextStep)
    }
}
