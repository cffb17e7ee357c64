internal import KademliaSimulation
internal import NIOCore
internal import P2PWire
internal import ShardProtocol
internal import SwarmCore

/// A swarm in memory and in virtual time: the values that decide in the real one, and a network that fails as seeded.
///
/// Real are the planner with its figures and bans, the chain session with its recoveries, the ledger, budget and scheduler
/// of each server, the choice of blocks, and the DHT under the search for peers. In their place: sockets, clocks, the
/// model (``ToyModel``), and the shells of `Coordinator` and `BlockServer`, which `await`; those here do the same in
/// events.
public struct VirtualSwarm {
    typealias Instant = ContinuousClock.Instant

    let scenario: Scenario
    let start = ContinuousClock.now
    var now: Instant
    var random: SeededGenerator
    var queue = EventQueue<Event>()
    var dht: Simulation
    var network: VirtualNetwork
    let model: ToyModel
    let modelKey: ModelKey
    /// By the number of their peer.
    var servers: [Int: SimulatedServer] = [:]
    var coordinators: [Int: SimulatedCoordinator] = [:]
    var generations: [GenerationID: SimulatedGeneration] = [:]
    var attempts: [AttemptID: Attempt] = [:]
    var searches: [SearchID: Search] = [:]
    var openings: [OpeningID: Opening] = [:]
    /// Steps that one hop was to push to another, by what their answers say of them.
    var pushes: [StepKey: ExpectedPush] = [:]
    /// Steps that were sent, likewise.
    var sentNumbers: [StepKey: AttemptID] = [:]
    /// Hops that dial others.
    var dials: [DialID: PushDial] = [:]
    var nextAttempt: AttemptID = 0
    var nextSearch: SearchID = 0
    var nextOpening: OpeningID = 0
    var nextDial: DialID = 0
    var nextSide = 1
    /// Generations that have neither ended nor begun.
    var unfinished = 0
    /// When there was still something to be done.
    var lastBusy: Instant
    /// Servers whose machine is off.
    var unpowered: Set<Int> = []
    var report: SimulationReport
    /// Told what happens, where somebody wants to read it.
    var trace: ((String) -> Void)?

    /// Calendars begin there.
    private static let calendar: UInt64 = 1_800_000_000
    /// As long as any generation may take, whatever happens.
    static let longestGeneration = Duration.seconds(1800)

    public init(_ scenario: Scenario, trace: ((String) -> Void)? = nil) {
        self.scenario = scenario
        self.trace = trace
        self.now = self.start
        self.lastBusy = self.start
        self.random = SeededGenerator(seed: scenario.seed)
        self.model = ToyModel(blockCount: scenario.blockCount)
        guard let key = try? ModelKey(bytes: [UInt8](repeating: 7, count: ModelKey.byteCount)) else {
            preconditionFailure("sixteen bytes are a model's key")
        }
        self.modelKey = key
        self.report = SimulationReport(scenario: scenario)
        self.dht = Simulation(
            nodeCount: scenario.peers,
            seed: scenario.seed,
            adversary: Adversary(fraction: scenario.dhtLiars)
        )
        self.network = VirtualNetwork(
            peers: scenario.peers,
            loss: scenario.packetLoss,
            longestWay: scenario.longestWay,
            start: self.start,
            using: &self.random
        )
        self.populate()
    }

    /// Lets everything happen, and looks at what is left.
    public mutating func run() -> SimulationReport {
        while let (time, event) = self.queue.next() {
            self.now = time
            self.dht.advance(to: self.deadline)
            let (kind, subject) = event.fingerprint
            self.report.note(time - self.start, kind, subject)
            self.happen(event)
        }
        self.checkWhatIsLeft()
        return self.report
    }

    /// The time of the DHT.
    private var deadline: NIODeadline {
        let (seconds, attoseconds) = (self.now - self.start).components
        return .uptimeNanoseconds(UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000))
    }

    /// What a peer's calendar says that is so many seconds wrong.
    func calendar(error: Int) -> UnixTime {
        let seconds = (self.now - self.start).components.seconds + Int64(error)
        return UnixTime(seconds: Self.calendar &+ UInt64(bitPattern: seconds))
    }

    mutating func schedule(_ event: Event, in delay: Duration) {
        self.queue.schedule(event, at: self.now + delay)
    }

    func say(_ text: @autoclosure () -> String) {
        guard let trace = self.trace else { return }
        let time = (self.now - self.start) / .seconds(1)
        trace("\(time)  \(text())")
    }

    /// Whether there is still something to be done: what happens again and again stops after that.
    var isBusy: Bool { self.unfinished > 0 || self.now < self.start + self.scenario.duration }

    private mutating func happen(_ event: Event) {
        switch event {
        case .dialled(let link, let number): self.dialled(link, number)
        case .gaveUpDialling(let link, let number): self.gaveUpDialling(link, number)
        case .arrived(let link, let number, let isThere, let message):
            self.arrived(link, number, isThere: isThere, message, event)
        case .broke(let link, let number, let isThere): self.noticedBreak(of: link, number, isThere: isThere)
        case .fellSilent(let link, let number): self.fellSilent(link, number)
        case .healed(let side): self.heal(side)
        case .partitionLasts(let side): self.partitionLasts(side)
        case .started(let server, let incarnation): self.started(server, incarnation)
        case .keepsHouse(let server, let incarnation): self.keepHouse(server, incarnation)
        case .announces(let server, let incarnation): self.announce(server, incarnation)
        case .passEnded(let server, let incarnation, let took): self.passEnded(server, incarnation, took, event)
        case .wakes(let server, let incarnation, let moment): self.wakes(server, incarnation, moment, event)
        case .settles(let server, let incarnation): self.survey(server, incarnation, .settle)
        case .reconsiders(let server, let incarnation): self.survey(server, incarnation, .reconsider)
        case .leaves(let server, let incarnation, let next): self.leaves(server, incarnation, next)
        case .restarts(let server): self.startServer(server)
        case .begins(let id, let task): self.begin(id, task)
        case .watches(let id): self.watch(id)
        case .triesAgain(let id): self.tryAgain(id)
        case .foundProviders(let id, let peers): self.foundProviders(id, peers)
        case .asked(let id, let peer, let began): self.asked(id, peer, began)
        case .searchEnds(let id): self.searchTakesLong(id)
        case .searchesAgain(let id, let vacancy): self.fill(vacancy, of: id)
        case .watchesOpening(let id): self.watchOpening(id)
        case .watchesPushes(let id): self.watchPushes(id)
        case .looksAfter(let id, let pushes): self.lookAfter(pushes, of: id)
        case .dialEnds(let id, let isOpen): self.dialEnded(id, isOpen: isOpen)
        case .losesPatience(let id): self.losePatience(id)
        case .refreshes(let peer):
            guard self.isBusy else { return }
            self.dht.refresh(peer)
            self.schedule(.refreshes(peer: peer), in: .seconds(600))
        case .fault(let fault): self.suffer(fault)
        }
    }
}

/// A coordinator's process: what its `PeerBook` holds.
struct SimulatedCoordinator: Sendable {
    let id: PeerID
    var figures = PeerFigures()
    var bans = PeerBans()
    /// When it last lost those peers that have done nothing for it since.
    var failures: [PeerID: ContinuousClock.Instant] = [:]
    /// Its calendar is wrong by so many seconds.
    let clockError: Int
    var hasVanished = false
}
