import P2PWire
import ShardProtocol
import SwarmCore

/// Rows of one number each, in place of activations.
struct ToyRows: SpanPayload, Equatable {
    var rows: [UInt64]

    var tokenCount: Int { self.rows.count }
    var byteCount: Int { self.rows.count * 8 }

    func rows(_ range: Range<Int>) -> ToyRows { ToyRows(rows: Array(self.rows[range])) }

    static func joined(_ payloads: [ToyRows]) -> ToyRows { ToyRows(rows: payloads.flatMap(\.rows)) }
}

/// A session on a hop of a model whose every number depends on all that came before it: whatever is lost, repeated or out
/// of order shows in every later one.
struct ToyHop {
    let member: ChainMember
    /// What each block has made of each token so far.
    private var states: [[UInt64]]
    private(set) var steps: [Range<Int>] = []

    init(_ member: ChainMember) {
        self.member = member
        self.states = Array(repeating: [], count: member.blocks.count)
    }

    var held: Int { self.states[0].count }

    mutating func run(_ step: ChainSession<ToyRows>.Step) -> ToyRows {
        self.run(step.payload, at: step.position)
    }

    mutating func run(_ input: ToyRows, at position: Int) -> ToyRows {
        precondition(position <= self.held, "a hop cannot run what comes after a gap")
        self.steps.append(position..<position + input.tokenCount)
        var rows = input.rows
        for (index, block) in self.member.blocks.indices.enumerated() {
            self.states[index].removeSubrange(position...)
            rows = rows.map { row in
                let number = Self.mix(row ^ Self.mix(self.states[index].last ?? 0) &+ UInt64(block))
                self.states[index].append(number)
                return number
            }
        }
        return ToyRows(rows: rows)
    }

    private static func mix(_ value: UInt64) -> UInt64 {
        var value = value &+ 0x9e37_79b9_7f4a_7c15
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }
}

/// Obeys a chain session with toy hops, in virtual time: the whole shell, without a network.
struct ToyChain {
    enum Fate {
        case answers
        case loses(Loss)
        /// Runs the step, but its answer is lost on the way.
        case vanishes(Loss)
        /// Takes so long that its deadline passes; answers unless somebody else is found.
        case isLate
        case drains
    }

    var session: ChainSession<ToyRows>
    var hops: [HopID: ToyHop] = [:]
    var now = ContinuousClock.now
    /// Which peers there are to take over, by what they are asked for; nil when nobody can.
    var plan: (ChainSession<ToyRows>.Vacancy) -> [(peer: PeerID, blocks: BlockRange)]? = { _ in nil }
    var fate: (ChainSession<ToyRows>.Step) -> Fate = { _ in .answers }

    /// Whether those who take over bear a step that is sent twice.
    var isExact = true
    private let takingStepsAhead: Set<PeerID>

    /// Whether understudies are given what there is while each step is under way.
    var tendsDuringSteps = false
    /// A step that an understudy has run, whose answer is still on its way.
    private var feeding: (step: ChainSession<ToyRows>.Step, output: ToyRows)?

    /// Which of the steps that are under way is answered next; the first where it is nil.
    var picks: (@Sendable (Int) -> Int)?

    typealias Step = ChainSession<ToyRows>.Step
    typealias Push = ChainSession<ToyRows>.Push

    /// What becomes of a step that one hop pushes to the next.
    enum PushFate {
        case arrives
        /// The hop before says that it could not send it.
        case isRefused
        case isLost
    }

    private struct Flight {
        var id: StepID
        var hop: HopID
        /// Nil for what was pushed.
        var step: Step?
        var isLast: Bool
        var wantsLogits: Bool
        var guesses: Int
        var fate: Fate
        /// What its hop made of it; nil where it did not get there.
        var output: ToyRows?
        /// The step that it was to push on and did not.
        var unpushed: StepID?
    }

    /// Whether hops push to each other, and what becomes of that.
    private let pushes: Bool
    var pushFate: (Push) -> PushFate = { _ in .arrives }
    var edgeOpens: (ChainSession<ToyRows>.Edge) -> Bool = { _ in true }
    /// Hops that are known to be gone.
    private var lost: Set<HopID> = []
    /// From whom each hop's session takes pushes.
    private var takesFrom: [HopID: HopID] = [:]
    /// Steps that a hop was sent while it took pushes from one that is lost, or does not come before it any more.
    private(set) var exposed = 0
    /// Pushes to hops that are known to be gone.
    private(set) var pushedInVain = 0
    /// Hops that are gone.
    var dead: Set<HopID> = []
    /// Called before a step lands, with how many have.
    var beforeLanding: ((inout ToyChain, Int) -> Void)?
    private var landings = 0
    private(set) var pushed: [Push] = []
    /// Steps that a server would have refused: beyond a gap, or back without saying so.
    private(set) var misplaced = 0
    /// How often what was pushed was waited for until it was late.
    private(set) var looks = 0

    /// Steps that are under way.
    private var flights: [Flight] = []
    /// The most that were under way to one hop, and to all.
    private(set) var mostAhead = 0
    private(set) var mostUnderWay = 0

    private(set) var sent: [ChainSession<ToyRows>.Step] = []
    private(set) var reached: [Int] = []
    private(set) var vacancies: [ChainSession<ToyRows>.Vacancy] = []
    private(set) var preparations: [ChainSession<ToyRows>.Vacancy] = []
    /// What understudies were sent.
    private(set) var fed: [ChainSession<ToyRows>.Step] = []
    private(set) var reopened = 0
    private(set) var retired: [HopID] = []
    private(set) var recovered: [ChainSession<ToyRows>.Recovery] = []
    private var nextHop: UInt64 = 0

    init(
        _ hops: [(peer: PeerID, blocks: BlockRange)],
        chunk: Int = 4,
        isRecoverable: Bool = true,
        keepsStandbys: Bool = false,
        loggedBytes: Int = 1 << 20,
        takingStepsAhead: Set<PeerID> = [],
        pushes: Bool = false
    ) {
        self.takingStepsAhead = takingStepsAhead
        self.pushes = pushes
        let members = hops.enumerated().map { index, hop in
            ChainMember(
                id: HopID(rawValue: UInt64(index)),
                peer: hop.peer,
                blocks: hop.blocks,
                takesStepsAhead: takingStepsAhead.contains(hop.peer),
                pushes: pushes && takingStepsAhead.contains(hop.peer)
            )
        }
        self.session = ChainSession(
            members,
            chunk: chunk,
            isRecoverable: isRecoverable,
            keepsStandbys: keepsStandbys,
            loggedBytes: loggedBytes
        )
        self.nextHop = UInt64(hops.count)
        for member in members { self.hops[member.id] = ToyHop(member) }
    }

    private mutating func take(_ hops: [(peer: PeerID, blocks: BlockRange)]) -> [ChainMember] {
        hops.map { hop in
            let member = ChainMember(
                id: HopID(rawValue: self.nextHop),
                peer: hop.peer,
                blocks: hop.blocks,
                isExact: self.isExact,
                takesStepsAhead: self.takingStepsAhead.contains(hop.peer),
                pushes: self.pushes && self.takingStepsAhead.contains(hop.peer)
            )
            self.nextHop += 1
            self.hops[member.id] = ToyHop(member)
            return member
        }
    }

    /// What the last hop makes of the last token that is no guess; nil when the pass failed.
    mutating func run(_ rows: [UInt64], at position: Int, guesses: Int = 0, chunk: Int? = nil) -> UInt64? {
        var result: UInt64?
        var actions = self.session.begin(
            ToyRows(rows: rows),
            at: position,
            wantsLogits: true,
            guesses: guesses,
            chunk: chunk,
            now: self.now
        )
        self.endFeeding()
        while true {
            self.retired += self.session.takeRetired()
            guard !actions.isEmpty else {
                guard !self.flights.isEmpty else { return nil }
                actions = self.land(&result)
                continue
            }
            switch actions.removeFirst() {
            case .send(let step): self.start(step)
            case .plan(let vacancy):
                self.vacancies.append(vacancy)
                actions += self.fill(vacancy)
            case .reopen(let vacancy):
                self.reopened += 1
                let members = self.take(
                    [(vacancy.lost.peer, vacancy.blocks)].compactMap { pair in
                        pair.0.map { (peer: $0, blocks: pair.1) }
                    }
                )
                actions += self.session.planned(vacancy.id, members, now: self.now)
            case .reached(let length):
                self.reached.append(length)
                if self.isCurtailed { actions += self.session.curtail(now: self.now) }
            case .finished:
                self.recovered += self.session.takeRecovered()
                return result
            case .fail: return nil
            }
        }
    }

    /// Whether nobody wants a pass to go on that has reached something.
    var isCurtailed = false

    /// Sends a step: its hop runs it, in the order in which it is given steps, and pushes it on.
    private mutating func start(_ step: Step) {
        self.sent.append(step)
        if step.refusesPushes { self.takesFrom[step.hop] = nil }
        if let pusher = self.takesFrom[step.hop], self.lost.contains(pusher) || !self.comesBefore(step.hop, pusher) {
            self.exposed += 1
        }
        let held = self.hops[step.hop]?.held ?? 0
        var fate = step.position > held ? .loses(.forgotten) : self.fate(step)
        let isBack = step.position < held && step.position > 0
        if self.dead.contains(step.hop) {
            fate = .loses(.gone)
        } else if step.position > held || isBack && !step.goesBack {
            self.misplaced += 1
        }
        var output: ToyRows?
        switch fate {
        case .loses: break
        case .answers, .vanishes, .isLate, .drains: output = self.hops[step.hop]?.run(step)
        }
        let place = self.flights.count
        self.flights.append(
            Flight(
                id: step.id,
                hop: step.hop,
                step: step,
                isLast: step.isLast,
                wantsLogits: step.wantsLogits,
                guesses: step.guesses,
                fate: fate,
                output: output
            )
        )
        self.start(step, with: output, after: place)
        self.mostUnderWay = max(self.mostUnderWay, self.flights.count)
        for hop in [step.hop] + step.pushes.map(\.hop) {
            self.mostAhead = max(self.mostAhead, self.flights.count { $0.hop == hop })
        }
    }

    private mutating func start(_ step: Step, with output: ToyRows?, after place: Int) {
        self.pushed += step.pushes
        let position = step.position
        var output = output
        for (index, push) in step.pushes.enumerated() {
            let held = self.hops[push.hop]?.held ?? 0
            if output != nil, position < held, position > 0, !step.goesBack { self.misplaced += 1 }
            if self.lost.contains(push.hop) { self.pushedInVain += 1 }
            let pusher = index == 0 ? step.hop : step.pushes[index - 1].hop
            let isTaken = self.takesFrom[push.hop] == pusher && !self.dead.contains(push.hop) && position <= held
            if let rows = output, isTaken {
                switch self.pushFate(push) {
                case .arrives: output = self.hops[push.hop]?.run(rows, at: position)
                case .isRefused:
                    self.flights[place + index].unpushed = push.id
                    output = nil
                case .isLost: output = nil
                }
            } else {
                output = nil
            }
            self.flights.append(
                Flight(
                    id: push.id,
                    hop: push.hop,
                    isLast: push.isLast,
                    wantsLogits: push.wantsLogits,
                    guesses: push.guesses,
                    fate: .answers,
                    output: output
                )
            )
        }
    }

    private func comesBefore(_ hop: HopID, _ other: HopID) -> Bool {
        let hops = self.session.members.map(\.id)
        return zip(hops, hops.dropFirst()).contains { $0 == (other, hop) }
    }

    /// What a hop is asked to do for pushes.
    private mutating func connect(_ edge: ChainSession<ToyRows>.Edge) {
        self.takesFrom[edge.to] = edge.from
        self.session.connected(edge, isOpen: self.edgeOpens(edge))
    }

    /// A way breaks, and what is on it is lost; the hop before it says so.
    mutating func breakEdge(_ edge: ChainSession<ToyRows>.Edge) -> [Action] {
        self.session.broke(edge, now: self.now)
    }

    /// One of the steps under way comes to its end.
    private mutating func land(_ result: inout UInt64?) -> [Action] {
        self.beforeLanding?(&self, self.landings)
        self.landings += 1
        let flight = self.flights.remove(at: self.picks.map { $0(self.flights.count) } ?? 0)
        self.now += .milliseconds(10)
        if self.tendsDuringSteps { self.tend() }
        guard !self.dead.contains(flight.hop) else {
            if self.session.isOutstanding(flight.id) { self.lost.insert(flight.hop) }
            return self.session.failed(flight.id, .gone, now: self.now)
        }
        guard let step = flight.step else { return self.landPushed(flight, &result) }
        switch flight.fate {
        case .answers: return self.answer(flight, &result)
        case .drains: return self.answer(flight, &result, isLeaving: true)
        case .loses(let loss), .vanishes(let loss): return self.session.failed(step.id, loss, now: self.now)
        case .isLate:
            self.now += step.deadline
            var actions = self.session.late(step.id, now: self.now)
            if case .plan(let vacancy)? = actions.first {
                self.vacancies.append(vacancy)
                actions = self.fill(vacancy)
            }
            // It wakes up too late, or nobody else was there.
            return actions + self.answer(flight, &result)
        }
    }

    private mutating func landPushed(_ flight: Flight, _ result: inout UInt64?) -> [Action] {
        guard flight.output == nil else { return self.answer(flight, &result) }
        if self.session.isOutstanding(flight.id) { self.looks += 1 }
        let actions = self.session.late(flight.id, now: self.now)
        // Its input is not known yet: it is looked after again.
        if self.session.isOutstanding(flight.id), !self.flights.isEmpty {
            self.flights.insert(flight, at: self.picks == nil ? self.flights.count : 0)
        }
        return actions
    }

    typealias Action = ChainSession<ToyRows>.Action

    private mutating func answer(_ flight: Flight, _ result: inout UInt64?, isLeaving: Bool = false) -> [Action] {
        guard let output = flight.output else { preconditionFailure("a step goes to a hop") }
        guard self.session.isOutstanding(flight.id) else { return [] }
        if flight.isLast, flight.wantsLogits { result = output.rows.dropLast(flight.guesses).last }
        var actions = self.session.answered(
            flight.id,
            with: flight.isLast ? nil : output,
            isLeaving: isLeaving,
            now: self.now
        )
        if let unpushed = flight.unpushed { actions += self.session.astray(unpushed, now: self.now) }
        return actions
    }

    /// What is still on its way arrives, between two passes.
    mutating func landAll() {
        var result: UInt64?
        for _ in 0..<1000 where !self.flights.isEmpty { _ = self.land(&result) }
    }

    /// Does what is to be done beside the passes, at most so many steps of understudies.
    ///
    /// - Parameter answers: false where such a step is never answered.
    mutating func tend(steps: Int = .max, answers: Bool = true) {
        var left = steps
        while left > 0, let chore = self.session.nextChore(now: self.now) {
            switch chore {
            case .prepare(let vacancy):
                self.preparations.append(vacancy)
                guard let hops = self.plan(vacancy) else {
                    self.session.unprepared(vacancy.id)
                    continue
                }
                self.session.prepared(vacancy.id, self.take(hops))
            case .connect(let edge): self.connect(edge)
            case .send(let step):
                self.fed.append(step)
                guard let output = self.hops[step.hop]?.run(step), answers else { return }
                left -= 1
                switch self.fate(step) {
                case .loses, .vanishes, .isLate: self.session.starved(step.id)
                case .answers, .drains:
                    self.session.fed(step.id, with: step.isLast ? nil : output, now: self.now)
                }
            }
        }
    }

    /// Lets an understudy run a step whose answer comes once the next pass has begun.
    mutating func beginFeeding() {
        while self.feeding == nil, let chore = self.session.nextChore(now: self.now) {
            switch chore {
            case .prepare(let vacancy):
                guard let hops = self.plan(vacancy) else {
                    self.session.unprepared(vacancy.id)
                    continue
                }
                self.session.prepared(vacancy.id, self.take(hops))
            case .connect(let edge): self.connect(edge)
            case .send(let step):
                self.fed.append(step)
                guard let output = self.hops[step.hop]?.run(step) else { return }
                self.feeding = (step, output)
            }
        }
    }

    private mutating func endFeeding() {
        guard let (step, output) = self.feeding else { return }
        self.feeding = nil
        self.session.fed(step.id, with: step.isLast ? nil : output, now: self.now)
    }

    private mutating func fill(_ vacancy: ChainSession<ToyRows>.Vacancy) -> [Action] {
        guard let hops = self.plan(vacancy) else { return self.session.unplanned(vacancy.id, now: self.now) }
        return self.session.planned(vacancy.id, self.take(hops), now: self.now)
    }
}
