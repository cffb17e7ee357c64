import P2PWire
import ShardProtocol
import Synchronization
import Testing

@testable import SwarmCore

/// Steps that go from hop to hop, in a toy chain whose every number depends on all before it.
@Suite struct ChainPushTests {
    private let peers: [PeerID]
    private let ranges: [BlockRange]

    init() throws {
        self.peers = try Samples.peers(8)
        self.ranges = [try BlockRange(0, 3), try BlockRange(3, 5), try BlockRange(5, 6), try BlockRange(6, 8)]
    }

    /// - Parameter plain: who speaks nothing but 1.0.0.
    private func chain(pushes: Bool = true, plain: Set<Int> = [], keepsStandbys: Bool = false) -> ToyChain {
        let speakers = self.peers.enumerated().filter { !plain.contains($0.offset) }.map(\.element)
        var chain = ToyChain(
            zip(self.peers, self.ranges).map { (peer: $0, blocks: $1) },
            keepsStandbys: keepsStandbys,
            takingStepsAhead: Set(speakers),
            pushes: pushes
        )
        chain.plan = { [peers] vacancy in
            peers.last { !vacancy.excluding.contains($0) }.map { [(peer: $0, blocks: vacancy.blocks)] }
        }
        return chain
    }

    /// A prompt of eleven tokens, then those that follow, some with guesses behind them that are wrong.
    private func generate(_ chain: inout ToyChain, tokens: Int = 24, guessing: Bool = false) -> [UInt64?] {
        var results: [UInt64?] = []
        chain.tend(steps: 2)
        results.append(chain.run((0..<11).map { UInt64($0) }, at: 0, chunk: 3))
        for position in 11..<11 + tokens {
            guard let last = results.last ?? nil else { break }
            chain.tend(steps: 2)
            let rows = guessing && position % 3 == 0 ? [last, 998, 999] : [last]
            results.append(chain.run(rows, at: position, guesses: rows.count - 1))
        }
        return results
    }

    /// The first step of a prompt, which all hops behind the first are pushed.
    private func pushedStep(_ prompt: ToyRows, _ chain: inout ToyChain) -> ToyChain.Step? {
        chain.tend()
        let actions = chain.session.begin(prompt, at: 0, wantsLogits: true, now: chain.now)
        if case .send(let step)? = actions.first, step.pushes.count == 3 { return step }
        Issue.record("nothing is pushed")
        return nil
    }

    private func star() -> [UInt64?] {
        var chain = self.chain(pushes: false)
        return self.generate(&chain)
    }

    @Test func `a step is sent to the first hop alone, and what the others make of it is waited for`() {
        var chain = self.chain()
        #expect(self.generate(&chain) == self.star())
        #expect(chain.sent.allSatisfy { $0.hop.rawValue == 0 && $0.pushes.count == 3 })
        // Chunks of the prompt are pushed like tokens, one behind the other.
        #expect(chain.sent.map(\.position).prefix(4) == [0, 3, 6, 9])
        #expect(chain.pushed.count == 3 * chain.sent.count)
        #expect(chain.pushed.count(where: \.wantsLogits) == 25)
        chain.landAll()
        for member in chain.session.members { #expect(chain.hops[member.id]?.held == 35) }
    }

    @Test func `a prompt that is cut short goes on behind what the last hop holds, though the first was lost`() throws {
        var chain = ToyChain(
            zip(self.peers, [try BlockRange(0, 3), try BlockRange(3, 8)]).map { (peer: $0, blocks: $1) },
            takingStepsAhead: Set(self.peers),
            pushes: true
        )
        chain.tend()
        let prompt = ToyRows(rows: (0..<11).map { UInt64($0) })
        let actions = chain.session.begin(prompt, at: 0, wantsLogits: true, chunk: 3, now: chain.now)
        guard case .send(let step)? = actions.first, let push = step.pushes.first else {
            Issue.record("nothing is pushed")
            return
        }
        _ = chain.session.answered(push.id, with: nil, now: chain.now)
        _ = chain.session.failed(step.id, .gone, now: chain.now)
        _ = chain.session.curtail(now: chain.now)
        #expect(chain.session.length == 3)
        #expect(!chain.session.begin(ToyRows(rows: [7]), at: 3, wantsLogits: true, now: chain.now).isEmpty)
    }

    @Test func `before the ways are open, and where they cannot be, steps take the long way`() {
        var chain = self.chain()
        chain.edgeOpens = { $0.to.rawValue != 2 }
        #expect(self.generate(&chain) == self.star())
        #expect(chain.sent.allSatisfy { $0.hop.rawValue == 0 || $0.hop.rawValue == 2 })
        #expect(chain.sent.allSatisfy { $0.pushes.count == 1 })
        // Nobody is asked for ever.
        #expect(chain.session.hasChores == false)

        var early = self.chain()
        #expect(early.run([1, 2, 3], at: 0) != nil)
        #expect(early.pushed.isEmpty)
    }

    @Test(arguments: 0..<4) func `a peer that speaks only 1.0.0 is given each step once, by whoever coordinates`(
        plain: Int
    ) {
        var chain = self.chain(plain: [plain])
        #expect(self.generate(&chain) == self.star())
        let sent = chain.sent.filter { $0.hop.rawValue == UInt64(plain) }
        #expect(sent.flatMap { $0.position..<$0.position + $0.payload.tokenCount } == Array(0..<35))
        #expect(sent.allSatisfy { !$0.goesBack && $0.pushes.isEmpty })
        #expect(!chain.pushed.contains { $0.hop.rawValue == UInt64(plain) })
        #expect(!chain.pushed.isEmpty)
    }

    @Test func `the last hop may answer before the others, whose answers fill the logs later`() throws {
        var chain = self.chain()
        // Last in, first out.
        chain.picks = { $0 - 1 }
        #expect(self.generate(&chain) == self.star())
        #expect(chain.pushed.count > 3 * 20)
        // All that is missing arrives, and a lost hop can be given it again.
        chain.landAll()
        chain.dead = [HopID(rawValue: 2)]
        var undisturbed = self.chain(pushes: false)
        _ = self.generate(&undisturbed)
        #expect(chain.run([77], at: 35) == undisturbed.run([77], at: 35))
        #expect(chain.recovered.map(\.tokens) == [35])
    }

    /// Any hop dies at any moment, edges lose or refuse what is pushed, answers come in any order, guesses are wrong.
    @Test(arguments: 0..<160) func `whatever happens on the way, the text is that of the long way`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var chain = self.chain(
            plain: seed % 4 == 0 ? [Int.random(in: 0..<4, using: &generator)] : [],
            keepsStandbys: seed % 5 == 0
        )
        let deaths = (0..<Int.random(in: 0...2, using: &generator)).map { _ in
            (Int.random(in: 0..<120, using: &generator), Int.random(in: 0..<4, using: &generator))
        }
        let oneIn = [4, 20, 1_000_000][Int(seed % 3)]
        let dice = Mutex(generator)
        chain.picks = { count in dice.withLock { Int.random(in: 0..<count, using: &$0) } }
        chain.pushFate = { _ in
            dice.withLock { dice in
                guard Int.random(in: 0..<oneIn, using: &dice) == 0 else { return .arrives }
                return Bool.random(using: &dice) ? .isLost : .isRefused
            }
        }
        chain.beforeLanding = { chain, landing in
            for (time, hop) in deaths where time == landing {
                chain.dead.insert(chain.session.members[hop % chain.session.members.count].id)
            }
        }
        #expect(self.generate(&chain, guessing: seed % 2 == 0) == self.star(), "seed \(seed)")
        #expect(chain.misplaced == 0, "seed \(seed)")
        #expect(chain.exposed == 0 && chain.pushedInVain == 0, "seed \(seed)")
    }

    @Test func `what a hop says that it could not push is given at once, and it is asked again`() {
        var chain = self.chain()
        chain.pushFate = { $0.hop.rawValue == 2 && $0.number == 9 ? .isRefused : .arrives }
        #expect(self.generate(&chain) == self.star())
        #expect(chain.looks == 0)
        #expect(Set(chain.sent.map(\.hop.rawValue)) == [0, 2])
        #expect(chain.sent.last?.pushes.count == 3)
    }

    @Test func `with the next step, whoever was replaced is refused, and then another is let in`() {
        var chain = self.chain()
        chain.beforeLanding = { chain, landing in
            if landing == 40 { chain.dead.insert(chain.session.members[1].id) }
        }
        #expect(self.generate(&chain) == self.star())
        #expect(chain.sent.filter(\.refusesPushes).map(\.hop.rawValue) == [2])
        #expect(chain.exposed == 0)
        #expect(chain.sent.last?.pushes.count == 3)
    }

    @Test(arguments: [false, true]) func `a hop that is late and gives way is refused too`(keepsStandbys: Bool) {
        var chain = self.chain(keepsStandbys: keepsStandbys)
        chain.fate = { $0.hop.rawValue == 0 && $0.position == 20 ? .isLate : .answers }
        #expect(self.generate(&chain) == self.star())
        #expect(chain.recovered.map(\.loss) == [.late])
        #expect(chain.sent.filter(\.refusesPushes).map(\.hop.rawValue) == [1])
        #expect(chain.exposed == 0)
    }

    @Test func `a hop that leaves is refused as soon as another stands in for it`() {
        var chain = self.chain()
        chain.fate = { $0.hop.rawValue == 0 && $0.position >= 15 ? .drains : .answers }
        #expect(self.generate(&chain) == self.star())
        #expect(chain.recovered.map(\.loss) == [.leaving])
        #expect(chain.sent.filter(\.refusesPushes).map(\.hop.rawValue) == [1])
        #expect(chain.exposed == 0 && chain.looks == 0)
    }

    @Test func `no hop is pushed more steps than it is sent ahead`() {
        var chain = self.chain()
        chain.tend()
        #expect(chain.run((0..<20).map { UInt64($0) }, at: 0, chunk: 1) != nil)
        #expect(chain.mostAhead == Limits.stepsAhead)
    }

    @Test func `a hop that is lost while its way is opened is refused as well`() {
        var chain = self.chain()
        guard case .connect(let edge)? = chain.session.nextChore(now: chain.now) else {
            Issue.record("no way is opened")
            return
        }
        chain.dead = [edge.from]
        #expect(chain.run([1, 2, 3], at: 0) != nil)
        #expect(chain.sent.first { $0.hop == edge.to }?.refusesPushes == true)
        // Whatever becomes of that way, it is not taken.
        chain.session.connected(edge, isOpen: true)
        for position in 3..<5 {
            chain.tend()
            #expect(chain.run([UInt64(position)], at: position) != nil)
        }
        #expect(chain.sent.filter { $0.hop == edge.to }.map(\.refusesPushes) == [true, true])
        #expect(chain.sent.last?.pushes.count == 3 && chain.exposed == 0)
    }

    @Test func `until another stands in for a hop that is lost, the hop behind it refuses it as well`() {
        var chain = self.chain()
        let prompt = ToyRows(rows: (0..<11).map { UInt64($0) })
        var actions = chain.session.begin(prompt, at: 0, wantsLogits: true, chunk: 1, now: chain.now)
        var steps: [ToyChain.Step] = []
        func take() {
            for case .send(let step) in actions { steps.append(step) }
        }
        take()
        for position in 0..<6 {
            guard let step = steps.first(where: { $0.hop.rawValue == 0 && $0.position == position }) else { continue }
            actions = chain.session.answered(step.id, with: step.payload, now: chain.now)
            take()
        }
        guard case .connect(let edge)? = chain.session.nextChore(now: chain.now),
            let last = steps.last(where: { $0.hop == edge.from }), let first = steps.first(where: { $0.hop == edge.to })
        else {
            Issue.record("no way is opened")
            return
        }
        chain.session.connected(edge, isOpen: true)
        actions = chain.session.failed(last.id, .gone, now: chain.now)
        take()
        // It lacks two tokens of its log, and is sent one with each answer.
        actions = chain.session.answered(first.id, with: first.payload, now: chain.now)
        let before = steps.count
        take()
        #expect(steps[before...].map(\.hop) == [edge.to, HopID(rawValue: 2)])
        #expect(steps[before...].map(\.refusesPushes) == [true, false])
    }

    @Test func `nothing is pushed to a hop that is lost`() {
        var chain = self.chain()
        chain.tend()
        let prompt = ToyRows(rows: (0..<20).map { UInt64($0) })
        let actions = chain.session.begin(prompt, at: 0, wantsLogits: true, chunk: 3, now: chain.now)
        guard case .send(let step)? = actions.first, step.pushes.count == 3 else {
            Issue.record("nothing is pushed")
            return
        }
        _ = chain.session.failed(step.pushes[0].id, .gone, now: chain.now)
        let next = chain.session.answered(step.id, with: step.payload, now: chain.now)
        guard case .send(let later)? = next.first else {
            Issue.record("nothing is sent")
            return
        }
        #expect(later.position == 12 && later.pushes.isEmpty)
    }

    @Test func `nothing is pushed to a hop that was lost after its pass, where the next begins at what it holds`() {
        var chain = self.chain()
        chain.tend()
        #expect(chain.run([0, 1, 2], at: 0) != nil)
        let actions = chain.session.begin(ToyRows(rows: [3, 4]), at: 3, wantsLogits: true, now: chain.now)
        guard case .send(let step)? = actions.first, step.pushes.count == 3 else {
            Issue.record("nothing is pushed")
            return
        }
        _ = chain.session.answered(step.pushes[2].id, with: nil, now: chain.now)
        #expect(chain.session.failed(step.pushes[0].id, .gone, now: chain.now).isEmpty)
        let next = chain.session.begin(ToyRows(rows: [5]), at: 3, wantsLogits: true, now: chain.now)
        let sent = next.compactMap { if case .send(let step) = $0 { step } else { nil } }
        #expect(sent.map(\.hop) == [step.hop] && sent.allSatisfy(\.pushes.isEmpty))
    }

    @Test(arguments: 0..<2) func `no way is opened from a hop that is lost, nor to it`(lost: Int) {
        var chain = self.chain()
        var actions = chain.session.begin(ToyRows(rows: [1]), at: 0, wantsLogits: true, now: chain.now)
        for hop in 0...lost {
            guard case .send(let step)? = actions.first, step.hop.rawValue == UInt64(hop) else {
                Issue.record("nothing is sent")
                return
            }
            actions =
                hop == lost
                ? chain.session.failed(step.id, .gone, now: chain.now)
                : chain.session.answered(step.id, with: step.payload, now: chain.now)
        }
        var opened: [UInt64] = []
        while case .connect(let edge)? = chain.session.nextChore(now: chain.now) { opened.append(edge.from.rawValue) }
        #expect(opened == [1, 2].filter { $0 > lost })
    }

    @Test func `a way that is opened while its end refuses pushes is refused by the step after`() {
        var chain = self.chain()
        guard case .connect(let edge)? = chain.session.nextChore(now: chain.now),
            case .send(let lost)? = chain.session
                .begin(ToyRows(rows: [1]), at: 0, wantsLogits: true, now: chain.now).first,
            case .plan(let vacancy)? = chain.session.failed(lost.id, .gone, now: chain.now).first
        else {
            Issue.record("no way is opened, or nobody is looked for")
            return
        }
        let other = ChainMember(id: HopID(rawValue: 10), peer: self.peers[7], blocks: vacancy.blocks)
        guard case .send(let again)? = chain.session.planned(vacancy.id, [other], now: chain.now).first,
            case .send(let refusing)? = chain.session.answered(again.id, with: again.payload, now: chain.now).first
        else {
            Issue.record("nothing is sent")
            return
        }
        #expect(refusing.hop == edge.to && refusing.refusesPushes)
        // It may have come to the hop before that step, or after it.
        chain.session.connected(edge, isOpen: true)
        var actions = chain.session.answered(refusing.id, with: refusing.payload, now: chain.now)
        while case .send(let step)? = actions.first {
            actions = chain.session.answered(step.id, with: step.isLast ? nil : step.payload, now: chain.now)
        }
        guard
            case .send(let first)? = chain.session
                .begin(ToyRows(rows: [2]), at: 1, wantsLogits: true, now: chain.now).first,
            case .send(let next)? = chain.session.answered(first.id, with: first.payload, now: chain.now).first
        else {
            Issue.record("nothing is sent")
            return
        }
        #expect(next.hop == edge.to && next.refusesPushes)
    }

    @Test func `what was on a way that breaks is given again at once, and another way is opened`() {
        var chain = self.chain()
        let prompt = ToyRows(rows: (0..<3).map { UInt64($0) })
        guard let step = self.pushedStep(prompt, &chain) else { return }
        let edge = ChainSession<ToyRows>.Edge(from: step.pushes[0].hop, to: step.pushes[1].hop)
        // Its input is not known yet, so nothing can be sent.
        #expect(chain.session.broke(edge, now: chain.now).isEmpty)
        #expect(chain.session.isOutstanding(step.pushes[0].id))
        #expect(!chain.session.isOutstanding(step.pushes[1].id) && !chain.session.isOutstanding(step.pushes[2].id))
        #expect(chain.session.takeDropped().map(\.hop) == [step.pushes[1].hop, step.pushes[2].hop])
        #expect(chain.session.takeDropped().isEmpty)
        _ = chain.session.answered(step.id, with: prompt, now: chain.now)
        let next = chain.session.answered(step.pushes[0].id, with: prompt, now: chain.now)
        guard case .send(let again)? = next.first else {
            Issue.record("nothing is sent")
            return
        }
        // It goes on from there by push, and a second break of the same way changes nothing.
        #expect(again.hop == edge.to && again.refusesPushes && again.pushes.map(\.hop) == [step.pushes[2].hop])
        #expect(chain.session.broke(edge, now: chain.now).isEmpty)
        // What refuses the old way would end a new one.
        #expect(chain.session.nextChore(now: chain.now) == nil)
        _ = chain.session.answered(again.id, with: prompt, now: chain.now)
        guard case .connect(edge)? = chain.session.nextChore(now: chain.now) else {
            Issue.record("no other way is opened")
            return
        }
    }

    @Test func `a way that breaks now and then is opened again, one that breaks at once soon is not`() {
        for (interval, isOpened) in [(Limits.pushesPerBreak + 1, true), (Limits.pushesPerBreak, false), (2, false)] {
            var chain = self.chain()
            var opened = 0
            chain.edgeOpens = { edge in
                if edge.to.rawValue == 1 { opened += 1 }
                return true
            }
            let edge = ChainSession<ToyRows>.Edge(from: HopID(rawValue: 0), to: HopID(rawValue: 1))
            for position in 0..<8 * interval {
                chain.tend()
                _ = chain.run([UInt64(position)], at: position)
                if position % interval == interval - 1 { _ = chain.breakEdge(edge) }
            }
            chain.landAll()
            #expect((opened == 8) == isOpened, "\(opened)")
            #expect(isOpened || opened == Limits.edgeAttempts)
        }
    }

    @Test func `a way over which nothing arrives is opened a few times, and then no more`() {
        var chain = self.chain()
        var opened = 0
        chain.edgeOpens = { edge in
            if edge.to.rawValue == 2 { opened += 1 }
            return true
        }
        chain.pushFate = { $0.hop.rawValue == 2 ? .isRefused : .arrives }
        #expect(self.generate(&chain) == self.star())
        #expect(opened == Limits.edgeAttempts)
        #expect(chain.session.hasChores == false)
    }

    @Test func `a pushed step is not late before its input is known`() {
        var chain = self.chain()
        let prompt = ToyRows(rows: (0..<3).map { UInt64($0) })
        guard let step = self.pushedStep(prompt, &chain) else { return }
        let late = step.pushes[1]
        _ = chain.session.answered(step.id, with: prompt, now: chain.now)
        #expect(chain.session.late(late.id, now: chain.now).isEmpty && chain.session.isOutstanding(late.id))
        _ = chain.session.answered(step.pushes[0].id, with: prompt, now: chain.now)
        guard case .send(let again)? = chain.session.late(late.id, now: chain.now).first else {
            Issue.record("nothing is sent")
            return
        }
        #expect(again.hop == late.hop && !chain.session.isOutstanding(late.id))
    }

    @Test func `what a hop that was replaced pushed is given again by whoever coordinates`() {
        var chain = self.chain()
        var deaths = 0
        chain.beforeLanding = { chain, landing in
            guard landing == 40 else { return }
            chain.dead.insert(chain.session.members[1].id)
            deaths += 1
        }
        #expect(self.generate(&chain) == self.star())
        #expect(deaths == 1 && chain.recovered.count == 1)
        #expect(chain.looks == 0 && chain.pushedInVain == 0)
        // What the hops behind it hold they are not given again.
        for hop in [2, 3] {
            let run = chain.hops[HopID(rawValue: UInt64(hop))]?.steps.reduce(0) { $0 + $1.count } ?? 0
            #expect(run <= 35 + 2, "hop \(hop): \(run) tokens")
        }
        // And the new hop takes pushes, and pushes on.
        #expect(chain.pushed.contains { $0.hop == chain.session.members[1].id })
        #expect(chain.sent.last?.pushes.count == 3)
    }
}
