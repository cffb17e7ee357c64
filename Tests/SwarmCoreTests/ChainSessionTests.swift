import P2PWire
import ShardProtocol
import Synchronization
import Testing

@testable import SwarmCore

@Suite struct ChainSessionTests {
    private let peers: [PeerID]
    private let ranges: [BlockRange]

    init() throws {
        self.peers = try Samples.peers(8)
        self.ranges = [try BlockRange(0, 3), try BlockRange(3, 6), try BlockRange(6, 8)]
    }

    private func chain(
        chunk: Int = 4,
        isRecoverable: Bool = true,
        loggedBytes: Int = 1 << 20
    ) -> ToyChain {
        let hops = zip(self.peers, self.ranges).map { (peer: $0, blocks: $1) }
        return ToyChain(hops, chunk: chunk, isRecoverable: isRecoverable, loggedBytes: loggedBytes)
    }

    /// A prompt of ten tokens in chunks of four, then tokens that follow from what came before.
    private func generate(_ chain: inout ToyChain, tokens: Int = 12) -> [UInt64]? {
        let prompt = (0..<10).map { UInt64($0) }
        var results: [UInt64] = []
        var position = 0
        while position < prompt.count {
            let chunk = Array(prompt[position..<min(position + 4, prompt.count)])
            guard let result = chain.run(chunk, at: position) else { return nil }
            position += chunk.count
            if position == prompt.count { results.append(result) }
        }
        for _ in 1..<tokens {
            guard let result = chain.run([results.last ?? 0], at: position) else { return nil }
            results.append(result)
            position += 1
        }
        return results
    }

    private func undisturbed() throws -> [UInt64] {
        var chain = self.chain()
        return try #require(self.generate(&chain))
    }

    /// The sessions at the end hold the sequence, each token once, and nobody else is open.
    private func expectOrder(_ chain: ToyChain) {
        for member in chain.session.members { #expect(chain.hops[member.id]?.held == 21) }
        let open = Set(chain.hops.keys).subtracting(chain.session.members.map(\.id))
        #expect(Set(chain.retired) == open)
        #expect(chain.retired.count == open.count)
        #expect(chain.session.members.first?.blocks.lowerBound == 0)
        #expect(chain.session.members.last?.blocks.upperBound == 8)
    }

    @Test func `an undisturbed sequence is one step a hop and pass, of the pass's tokens`() throws {
        var chain = self.chain()
        _ = try #require(self.generate(&chain))
        #expect(chain.sent.count == 3 * 14)
        #expect(chain.sent.map(\.hop.rawValue) == (0..<14).flatMap { _ in [0, 1, 2] })
        #expect(chain.vacancies.isEmpty && chain.recovered.isEmpty)
        self.expectOrder(chain)
    }

    /// Chunks of four would cut the pass's three tokens in two.
    @Test(arguments: 0..<3) func `guesses are judged together, whatever a replacement is given before`(hop: Int) throws
    {
        var chain = self.chain(chunk: 4)
        _ = try #require(self.generate(&chain, tokens: 2))
        let isOfPass = chain.sent.count
        chain.fate = { $0.id.rawValue == UInt64(isOfPass + hop) ? .loses(.gone) : .answers }
        chain.plan = { [peers] in [(peer: peers[5], blocks: $0.blocks)] }
        #expect(chain.run([1, 2, 3], at: 11, guesses: 2) != nil)
        #expect(chain.recovered.count == 1)
        let judged = chain.sent.filter { $0.guesses > 0 }
        #expect(judged.map { [$0.position, $0.payload.tokenCount, $0.guesses] }.last == [11, 3, 2])
        #expect(judged.allSatisfy { $0.isLast && $0.wantsLogits })
    }

    /// Every hop, every pass, the answer lost as well as the request.
    @Test(arguments: 0..<3, 0..<14) func `a lost hop is replaced and nothing else shows it`(hop: Int, pass: Int) throws
    {
        let expected = try self.undisturbed()
        for vanishes in [false, true] {
            var chain = self.chain()
            chain.fate = { step in
                guard step.id.rawValue == UInt64(pass * 3 + hop) else { return .answers }
                return vanishes ? .vanishes(.gone) : .loses(.gone)
            }
            chain.plan = { [peers] in [(peer: peers[5], blocks: $0.blocks)] }
            #expect(self.generate(&chain) == expected)
            #expect(chain.vacancies.map(\.blocks) == [self.ranges[hop]])
            #expect(chain.vacancies.map(\.excluding) == [[self.peers[hop]]])
            let held = [0, 4, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20][pass]
            #expect(chain.recovered.map(\.tokens) == [held])
            #expect(chain.recovered.first?.lost.blocks == self.ranges[hop])
            #expect(chain.recovered.first?.replacements.map(\.peer) == [self.peers[5]])
            // One for each pass, and the one that was lost: what is run again wants no logits.
            #expect(chain.sent.count(where: \.wantsLogits) == (hop == 2 ? 15 : 14))
            // Chunks of four, the outstanding step among the last.
            let length = held + [4, 4, 2, 1][min(pass, 3)]
            #expect(chain.hops[HopID(rawValue: 3)]?.steps.prefix { $0.lowerBound < length }.count == (length + 3) / 4)
            self.expectOrder(chain)
        }
    }

    @Test func `two peers take over from one, and the second is given what the first makes of it`() throws {
        var chain = self.chain()
        chain.fate = { $0.hop.rawValue == 1 && $0.position == 15 ? .vanishes(.unable) : .answers }
        chain.plan = { [peers] vacancy in
            let cut = vacancy.blocks.lowerBound + 1
            return try? [
                (peer: peers[5], blocks: BlockRange(vacancy.blocks.lowerBound, cut)),
                (peer: peers[6], blocks: BlockRange(cut, vacancy.blocks.upperBound)),
            ]
        }
        #expect(self.generate(&chain) == (try self.undisturbed()))
        #expect(chain.recovered.first?.replacements.map(\.peer) == [self.peers[5], self.peers[6]])
        #expect(chain.session.members.map(\.blocks.lowerBound) == [0, 3, 4, 6])
        self.expectOrder(chain)
    }

    @Test func `a replacement that is lost while it catches up is replaced in its turn`() throws {
        var chain = self.chain()
        chain.fate = { step in
            switch step.hop.rawValue {
            case 0 where step.position == 16: .loses(.gone)
            case 3 where step.position == 8: .vanishes(.gone)
            case 4 where step.position == 0: .loses(.unable)
            default: .answers
            }
        }
        var next = 3
        chain.plan = { [peers] vacancy in
            next += 1
            return [(peer: peers[next], blocks: vacancy.blocks)]
        }
        #expect(self.generate(&chain) == (try self.undisturbed()))
        #expect(
            chain.vacancies.map(\.excluding) == [
                [self.peers[0]], [self.peers[0], self.peers[4]], [self.peers[0], self.peers[4], self.peers[5]],
            ]
        )
        #expect(chain.recovered.map(\.lost.id.rawValue) == [0, 3, 4])
        #expect(chain.recovered.allSatisfy { $0.replacements.map(\.id.rawValue) == [5] })
        self.expectOrder(chain)
    }

    @Test func `who has forgotten the session gets another one, from the beginning`() throws {
        var chain = self.chain()
        chain.fate = { $0.hop.rawValue == 2 && $0.position == 12 ? .loses(Loss(.unknownSession)) : .answers }
        #expect(self.generate(&chain) == (try self.undisturbed()))
        #expect(chain.reopened == 1)
        #expect(chain.vacancies.isEmpty)
        #expect(chain.session.members[2].peer == self.peers[2])
        self.expectOrder(chain)
    }

    @Test func `who knows no session that has just begun is left`() throws {
        var chain = self.chain()
        chain.fate = { $0.hop.rawValue == 2 && $0.position == 0 ? .loses(Loss(.unknownSession)) : .answers }
        chain.plan = { [peers] in [(peer: peers[5], blocks: $0.blocks)] }
        #expect(self.generate(&chain) == (try self.undisturbed()))
        #expect(chain.reopened == 0 && chain.vacancies.count == 1)
    }

    @Test func `who forgets a second time is left`() throws {
        var chain = self.chain()
        chain.fate = { step in
            step.position >= 8 && (2...3).contains(step.hop.rawValue) ? .loses(Loss(.unknownSession)) : .answers
        }
        chain.plan = { [peers] in [(peer: peers[5], blocks: $0.blocks)] }
        #expect(self.generate(&chain) == (try self.undisturbed()))
        #expect(chain.reopened == 1)
        #expect(chain.vacancies.map(\.excluding) == [[self.peers[2]]])
        self.expectOrder(chain)
    }

    /// A liar would only have to say so.
    @Test(arguments: [ReplyCode.tooLarge, .badRequest, .badTensor])
    func `that a step is wrong is not believed of one peer`(code: ReplyCode) throws {
        var chain = self.chain()
        chain.fate = { $0.hop.rawValue == 1 ? .loses(Loss(code)) : .answers }
        chain.plan = { [peers] in [(peer: peers[5], blocks: $0.blocks)] }
        #expect(self.generate(&chain) == (try self.undisturbed()))
        #expect(chain.vacancies.count == 1)
        self.expectOrder(chain)
    }

    @Test func `what is wrong with us is not tried elsewhere`() {
        var chain = self.chain()
        chain.fate = { $0.hop.rawValue == 1 ? .loses(.fault) : .answers }
        chain.plan = { [peers] in [(peer: peers[5], blocks: $0.blocks)] }
        #expect(self.generate(&chain) == nil)
        #expect(chain.vacancies.isEmpty)
    }

    @Test func `where nobody else is found whoever failed is tried once more, and then it ends`() throws {
        var chain = self.chain()
        chain.fate = { $0.hop.rawValue == 1 && $0.position == 12 ? .loses(.gone) : .answers }
        #expect(self.generate(&chain) == nil)
        #expect(chain.vacancies.map(\.excluding) == [[self.peers[1]], []])

        var again = self.chain()
        again.fate = chain.fate
        again.plan = { [peers] in $0.excluding.isEmpty ? [(peer: peers[1], blocks: $0.blocks)] : nil }
        #expect(self.generate(&again) == (try self.undisturbed()))
        self.expectOrder(again)
    }

    @Test func `a pass fails after as many attempts as it may make`() {
        var chain = self.chain()
        chain.fate = { $0.position == 12 ? .loses(.gone) : .answers }
        chain.plan = { [peers] in [(peer: peers[5], blocks: $0.blocks)] }
        #expect(self.generate(&chain) == nil)
        // The replacement gets the first twelve tokens before it fails in its turn.
        #expect(chain.vacancies.count == Limits.recoveryAttempts)
    }

    @Test func `a hop that is late when nobody else may be tried any more ends the pass`() throws {
        var chain = self.chain()
        var step = try #require(self.firstStep(&chain))
        for attempt in 0..<Limits.recoveryAttempts {
            guard case .plan(let vacancy)? = chain.session.failed(step.id, .unable, now: chain.now).first else {
                Issue.record("nobody is looked for")
                return
            }
            let id = HopID(rawValue: UInt64(10 + attempt))
            let other = ChainMember(id: id, peer: self.peers[5], blocks: vacancy.blocks)
            guard case .send(let next)? = chain.session.planned(vacancy.id, [other], now: chain.now).first else {
                Issue.record("nothing is sent")
                return
            }
            step = next
        }
        guard case .fail? = chain.session.late(step.id, now: chain.now).first else {
            Issue.record("it is waited for without end")
            return
        }
    }

    @Test func `a hop that stays late is replaced later, or waited for no more`() throws {
        for searches in 1...Limits.recoveryAttempts {
            var chain = self.chain()
            let step = try #require(self.firstStep(&chain))
            var last: ChainSession<ToyRows>.Vacancy?
            for _ in 0..<searches {
                if let last { #expect(chain.session.unplanned(last.id, now: chain.now).isEmpty) }
                guard case .plan(let vacancy)? = chain.session.late(step.id, now: chain.now).first else {
                    Issue.record("nobody is looked for")
                    return
                }
                last = vacancy
            }
            let vacancy = try #require(last)
            guard searches == Limits.recoveryAttempts else {
                let other = ChainMember(id: HopID(rawValue: 10), peer: self.peers[5], blocks: vacancy.blocks)
                let actions = chain.session.planned(vacancy.id, [other], now: chain.now)
                #expect(actions.contains { if case .send(let step) = $0 { step.hop == other.id } else { false } })
                continue
            }
            _ = chain.session.unplanned(vacancy.id, now: chain.now)
            guard case .fail? = chain.session.late(step.id, now: chain.now).first else {
                Issue.record("it is waited for without end")
                return
            }
        }
    }

    @Test func `a search is urgent where nothing goes on without it`() throws {
        var chain = self.chain()
        let step = try #require(self.firstStep(&chain))
        guard case .plan(let late)? = chain.session.late(step.id, now: chain.now).first,
            case .plan(let lost)? = chain.session.failed(step.id, .gone, now: chain.now).first,
            case .plan(let again)? = chain.session.unplanned(lost.id, now: chain.now).first
        else {
            Issue.record("nobody is looked for")
            return
        }
        #expect(!late.isUrgent && lost.isUrgent && !again.isUrgent)
    }

    @Test func `without anybody to ask a loss is the end, and nothing is kept`() {
        var chain = self.chain(isRecoverable: false)
        chain.fate = { $0.position == 12 ? .loses(.gone) : .answers }
        #expect(self.generate(&chain) == nil)
        #expect(chain.vacancies.isEmpty)
        #expect(chain.session.keptBytes <= 8)
    }

    @Test func `a late hop is waited for, and left as soon as there is another`() throws {
        var alone = self.chain()
        alone.fate = { $0.hop.rawValue == 1 && $0.position == 14 ? .isLate : .answers }
        #expect(self.generate(&alone) == (try self.undisturbed()))
        #expect(alone.vacancies.count == 1 && alone.recovered.isEmpty)
        #expect(alone.session.members.map(\.peer) == Array(self.peers[0..<3]))

        var chain = self.chain()
        chain.fate = alone.fate
        chain.plan = { [peers] in [(peer: peers[5], blocks: $0.blocks)] }
        #expect(self.generate(&chain) == (try self.undisturbed()))
        #expect(chain.recovered.map(\.loss) == [.late])
        #expect(chain.session.members.map(\.peer) == [self.peers[0], self.peers[5], self.peers[2]])
        self.expectOrder(chain)
    }

    @Test func `a plan for a hop that has answered meanwhile is closed unused`() throws {
        var chain = self.chain()
        let step = try #require(self.firstStep(&chain))
        guard case .plan(let vacancy)? = chain.session.late(step.id, now: chain.now).first else {
            Issue.record("nobody else is looked for")
            return
        }
        guard case .send? = chain.session.answered(step.id, with: step.payload, now: chain.now).first else {
            Issue.record("the pass stands still")
            return
        }
        let idle = ChainMember(id: HopID(rawValue: 77), peer: self.peers[5], blocks: vacancy.blocks)
        #expect(chain.session.planned(vacancy.id, [idle], now: chain.now).isEmpty)
        #expect(chain.session.takeRetired() == [idle.id])
        #expect(chain.session.members.map(\.id.rawValue) == [0, 1, 2])
    }

    @Test func `where nobody else is found for a late hop it is waited for, and its answer counts`() throws {
        var chain = self.chain()
        let step = try #require(self.firstStep(&chain))
        guard case .plan(let vacancy)? = chain.session.late(step.id, now: chain.now).first else {
            Issue.record("nobody else is looked for")
            return
        }
        // Once for all that are late at the same time.
        #expect(chain.session.late(step.id, now: chain.now).isEmpty)
        #expect(chain.session.unplanned(vacancy.id, now: chain.now).isEmpty)
        guard case .send(let next)? = chain.session.answered(step.id, with: step.payload, now: chain.now).first else {
            Issue.record("the answer of a slow peer does not count")
            return
        }
        #expect(next.hop.rawValue == 1)
    }

    private func firstStep(_ chain: inout ToyChain) -> ChainSession<ToyRows>.Step? {
        let actions = chain.session.begin(ToyRows(rows: [1]), at: 0, wantsLogits: true, now: chain.now)
        guard case .send(let step)? = actions.first, actions.count == 1 else { return nil }
        return step
    }

    @Test func `the deadline is eight times what a hop takes, and two seconds at least`() throws {
        var chain = self.chain()
        let first = try #require(self.firstStep(&chain))
        #expect(first.deadline == .seconds(2))
        _ = chain.session.answered(first.id, with: nil, now: chain.now + .seconds(3))
        let actions = chain.session.begin(ToyRows(rows: [1]), at: 1, wantsLogits: true, now: chain.now)
        guard case .send(let step)? = actions.last else {
            Issue.record("the pass does not begin")
            return
        }
        #expect(step.deadline == .seconds(24))
    }

    @Test func `a long prompt may stand still on a new hop for half a minute, twice as long after a search`() throws {
        var chain = self.chain(chunk: 256)
        let prompt = ToyRows(rows: [UInt64](repeating: 1, count: 256))
        var actions = chain.session.begin(prompt, at: 0, wantsLogits: true, now: chain.now)
        for (search, seconds) in [30, 60, 120].enumerated() {
            guard case .send(let step)? = actions.first else {
                Issue.record("no step after \(search) searches")
                return
            }
            #expect(step.deadline == .seconds(seconds))
            guard case .plan(let vacancy)? = chain.session.late(step.id, now: chain.now).first else {
                Issue.record("nobody is looked for after \(seconds) s")
                return
            }
            let id = HopID(rawValue: UInt64(10 + search))
            let other = ChainMember(id: id, peer: self.peers[3 + search], blocks: vacancy.blocks)
            actions = chain.session.planned(vacancy.id, [other], now: chain.now)
        }
    }

    @Test func `who cannot be filled as a whole is not filled at all`() {
        var chain = self.chain()
        chain.fate = { $0.hop.rawValue == 1 && $0.position == 12 ? .loses(.gone) : .answers }
        chain.plan = { [peers] vacancy in
            (try? BlockRange(vacancy.blocks.lowerBound, vacancy.blocks.upperBound - 1)).map {
                [(peer: peers[5], blocks: $0)]
            }
        }
        #expect(self.generate(&chain) == nil)
        #expect(Set(chain.retired).isSuperset(of: [HopID(rawValue: 3), HopID(rawValue: 4)]))
    }

    @Test func `a sequence too long to be kept is run again from the first block`() throws {
        var chain = self.chain(loggedBytes: 300)
        chain.fate = { $0.hop.rawValue == 2 && $0.position == 18 ? .loses(.gone) : .answers }
        chain.plan = { [peers] in [(peer: peers[5], blocks: $0.blocks)] }
        #expect(self.generate(&chain) == (try self.undisturbed()))
        #expect(chain.vacancies.map(\.blocks) == [try BlockRange(0, 8)])
        #expect(chain.session.keptBytes <= 300)
        self.expectOrder(chain)
    }

    @Test func `a sequence that goes back and on another way is replayed as it is now`() throws {
        var plain = self.chain()
        var chain = self.chain()
        chain.plan = { [peers] in [(peer: peers[5], blocks: $0.blocks)] }
        chain.fate = { $0.position == 7 && $0.hop.rawValue == 1 ? .loses(.gone) : .answers }
        for rows in [[1, 2, 3, 4, 5, 6] as [UInt64]] {
            #expect(plain.run(rows, at: 0) == chain.run(rows, at: 0))
        }
        for (rows, position) in [([9, 9, 9], 2), ([8, 8], 5), ([7], 7), ([6], 8)] as [([UInt64], Int)] {
            #expect(plain.run(rows, at: position) == chain.run(rows, at: position))
        }
        #expect(chain.recovered.map(\.tokens) == [7])
    }

    @Test func `a step that goes back behind what its hop was given says so, and each has the next number`() {
        var chain = self.chain()
        for (count, position) in [(4, 0), (1, 4), (1, 2), (1, 3), (2, 0)] {
            #expect(chain.run([UInt64](repeating: 1, count: count), at: position) != nil)
        }
        for hop in 0..<3 {
            let sent = chain.sent.filter { $0.hop.rawValue == UInt64(hop) }
            #expect(sent.map(\.goesBack) == [false, false, true, false, false])
            #expect(sent.map(\.number) == [0, 1, 2, 3, 4])
        }
    }

    // MARK: Chunks one behind the other

    private static let long = (0..<41).map { UInt64($0) }

    /// - Parameter ahead: how many of the eight peers take steps ahead.
    private func pipeline(_ ahead: Int = 8, chunk: Int = 4) -> ToyChain {
        let hops = zip(self.peers, self.ranges).map { (peer: $0, blocks: $1) }
        return ToyChain(hops, chunk: chunk, takingStepsAhead: Set(self.peers.suffix(ahead)))
    }

    private func undisturbedPrefill() throws -> UInt64 {
        var chain = self.pipeline(0, chunk: 64)
        let result = chain.run(Self.long, at: 0)
        return try #require(result)
    }

    @Test func `chunks of a prefill are under way on every hop at once, a few on each`() throws {
        var chain = self.pipeline()
        #expect(chain.run(Self.long, at: 0, chunk: 2) == (try self.undisturbedPrefill()))
        #expect(chain.sent.count == 3 * 21)
        #expect(chain.mostAhead == Limits.stepsAhead)
        #expect(chain.mostUnderWay > Limits.stepsAhead)
        #expect(chain.reached == Array(stride(from: 2, through: 40, by: 2)))
        #expect(chain.sent.count(where: \.wantsLogits) == 1)
        // Only what waits for another step of its own hop is ahead.
        #expect(chain.sent.first?.isAhead == false && chain.sent.dropFirst().first?.isAhead == true)
    }

    @Test func `who does not take steps ahead is given one at a time, and none twice`() throws {
        // The first and the second are plain 1.0.0 servers.
        var chain = self.pipeline(6)
        chain.picks = { $0 - 1 }
        #expect(chain.run(Self.long, at: 0, chunk: 2) == (try self.undisturbedPrefill()))
        for hop in 0..<2 {
            let sent = chain.sent.filter { $0.hop.rawValue == UInt64(hop) }
            #expect(sent.allSatisfy { !$0.isAhead && !$0.goesBack })
            #expect(sent.flatMap { $0.position..<$0.position + $0.payload.tokenCount } == Array(0..<41))
        }
    }

    /// Whatever order answers come in, and whoever is lost at whatever step, once or twice.
    @Test(arguments: 0..<120) func `a pipelined prefill that is disturbed gives what an undisturbed one gives`(
        seed: UInt64
    ) throws {
        var generator = SeededGenerator(seed: seed)
        var chain = self.pipeline(Int.random(in: 0...8, using: &generator))
        let faults = (0..<Int.random(in: 0...3, using: &generator)).map { _ in
            UInt64.random(in: 0..<70, using: &generator)
        }
        let losses: [Loss] = [.gone, .forgotten, .unable]
        let loss = losses.randomElement(using: &generator) ?? .gone
        let vanishes = Bool.random(using: &generator)
        let order = Mutex(generator)
        chain.picks = { count in order.withLock { Int.random(in: 0..<count, using: &$0) } }
        chain.fate = { step in
            guard faults.contains(step.id.rawValue) else { return .answers }
            return vanishes ? .vanishes(loss) : .loses(loss)
        }
        chain.plan = { [peers] vacancy in
            peers.last { !vacancy.excluding.contains($0) }.map { [(peer: $0, blocks: vacancy.blocks)] }
        }
        #expect(chain.run(Self.long, at: 0, chunk: 2) == (try self.undisturbedPrefill()), "seed \(seed)")
        var plain = self.pipeline(0, chunk: 64)
        _ = plain.run(Self.long, at: 0)
        // And it can go on, and back.
        for (rows, position) in [([5], 41), ([6, 7], 42), ([8], 20)] as [([UInt64], Int)] {
            #expect(chain.run(rows, at: position) == plain.run(rows, at: position), "seed \(seed)")
        }
        for member in chain.session.members { #expect(chain.hops[member.id]?.held == 21) }
        chain.session.members.forEach { #expect(!chain.retired.contains($0.id)) }
    }

    @Test func `two hops that are lost at once are replaced one after the other`() throws {
        var chain = self.pipeline()
        chain.fate = { $0.hop.rawValue < 2 && $0.position == 8 ? .loses(.gone) : .answers }
        chain.plan = { [peers] in [(peer: $0.blocks.lowerBound == 0 ? peers[5] : peers[6], blocks: $0.blocks)] }
        #expect(chain.run(Self.long, at: 0) == (try self.undisturbedPrefill()))
        #expect(chain.session.members.map(\.peer) == [self.peers[5], self.peers[6], self.peers[2]])
        #expect(chain.recovered.count == 2)
        // Nobody is given a step that it has failed at.
        for hop in 0..<2 { #expect(chain.sent.count { $0.hop.rawValue == UInt64(hop) && $0.position == 8 } == 1) }
    }

    @Test func `whoever is lost is looked for before whoever is late`() throws {
        var chain = self.pipeline()
        func steps(_ actions: [ChainSession<ToyRows>.Action]) -> [ChainSession<ToyRows>.Step] {
            actions.compactMap { if case .send(let step) = $0 { step } else { nil } }
        }
        let rows = ToyRows(rows: Array(Self.long.prefix(12)))
        let first = steps(chain.session.begin(rows, at: 0, wantsLogits: true, now: chain.now))
        #expect(first.count == 3)
        let second = steps(chain.session.answered(first[0].id, with: first[0].payload, now: chain.now))
        guard case .plan(let late)? = chain.session.late(first[1].id, now: chain.now).first,
            case .plan(let lost)? = chain.session.failed(second[0].id, .gone, now: chain.now).first
        else {
            Issue.record("nobody is looked for")
            return
        }
        #expect(late.blocks == self.ranges[0] && lost.blocks == self.ranges[1])
        #expect(chain.session.planned(late.id, [], now: chain.now).isEmpty)
    }

    @Test func `a pass that is curtailed ends with what has been sent, and the sequence goes on from there`() throws {
        var chain = self.pipeline()
        chain.isCurtailed = true
        #expect(chain.run(Self.long, at: 0, chunk: 2) == nil)
        let length = chain.session.length
        #expect(length > 2 && length < 41)
        #expect(chain.sent.count == 3 * (length / 2))
        chain.isCurtailed = false
        #expect(chain.run(Array(Self.long[length...]), at: length) == (try self.undisturbedPrefill()))
    }

    // MARK: Beside the passes

    private func generate(
        _ chain: inout ToyChain,
        tending steps: Int,
        answers: Bool = true
    ) throws -> [UInt64] {
        let prompt = (0..<10).map { UInt64($0) }
        let first = chain.run(prompt, at: 0)
        var results = [try #require(first)]
        for position in 10..<60 {
            chain.tend(steps: steps, answers: answers)
            let result = chain.run([results.last ?? 0], at: position)
            results.append(try #require(result))
        }
        return results
    }

    private func undisturbedLong() throws -> [UInt64] {
        var chain = self.chain()
        return try self.generate(&chain, tending: 0)
    }

    @Test(arguments: [1, 2, .max]) func `a hop that leaves is relieved between two steps, without a replay`(
        steps: Int
    ) throws {
        var chain = self.chain()
        chain.fate = { $0.hop.rawValue == 1 && $0.position >= 20 ? .drains : .answers }
        chain.plan = { [peers] vacancy in
            let cut = vacancy.blocks.lowerBound + 2
            return try? [
                (peer: peers[5], blocks: BlockRange(vacancy.blocks.lowerBound, cut)),
                (peer: peers[6], blocks: BlockRange(cut, vacancy.blocks.upperBound)),
            ]
        }
        #expect(try self.generate(&chain, tending: steps) == self.undisturbedLong())
        #expect(chain.preparations.map(\.excluding) == [[self.peers[1]]])
        #expect(chain.vacancies.isEmpty)
        #expect(chain.session.members.map(\.peer) == [self.peers[0], self.peers[5], self.peers[6], self.peers[2]])
        let recovery = try #require(chain.recovered.first)
        #expect(recovery.loss == .leaving && recovery.tokens <= Limits.standbyLag)
        // No pass had a step that was longer than what the understudies lacked, and their own token.
        #expect(chain.sent.allSatisfy { $0.payload.tokenCount <= 4 })
        #expect(Set(chain.retired + chain.session.takeRetired()) == [HopID(rawValue: 1)])
    }

    @Test func `a hop that leaves goes on while nobody else is there`() throws {
        var chain = self.chain()
        chain.fate = { $0.hop.rawValue == 1 && $0.position >= 20 ? .drains : .answers }
        #expect(try self.generate(&chain, tending: .max) == self.undisturbedLong())
        #expect(chain.preparations.count == 1)
        #expect(chain.session.members.map(\.peer) == Array(self.peers[0..<3]))
    }

    @Test(arguments: [0, 1, 2], [20, 33, 59]) func `a standby takes over with a few tokens to be run`(
        hop: Int,
        position: Int
    ) throws {
        let hops = zip(self.peers, self.ranges).map { (peer: $0, blocks: $1) }
        var chain = ToyChain(hops, keepsStandbys: true)
        chain.fate = { $0.hop.rawValue == UInt64(hop) && $0.position == position ? .vanishes(.gone) : .answers }
        chain.plan = { [peers] vacancy in
            let other = vacancy.excluding.contains(peers[5]) ? 6 : 5
            return [(peer: peers[other], blocks: vacancy.blocks)]
        }
        #expect(try self.generate(&chain, tending: .max) == self.undisturbedLong())
        #expect(chain.vacancies.isEmpty)
        let recovery = try #require(chain.recovered.first)
        #expect(recovery.tokens < Limits.standbyLag)
        #expect(chain.recovered.count == 1)
        // Fed in portions, not token by token.
        #expect(chain.fed.count < 3 * 30)
        let open = chain.hops.values.filter { !chain.retired.contains($0.member.id) }
        #expect(open.count <= 6 && chain.session.members.count == 3)
    }

    @Test func `a standby that is lost is replaced, and nobody notices`() throws {
        let hops = zip(self.peers, self.ranges).map { (peer: $0, blocks: $1) }
        var chain = ToyChain(hops, keepsStandbys: true)
        chain.fate = { $0.hop.rawValue == 3 && $0.position > 20 ? .loses(.gone) : .answers }
        chain.plan = { [peers] vacancy in
            [(peer: vacancy.excluding.contains(peers[5]) ? peers[6] : peers[5], blocks: vacancy.blocks)]
        }
        #expect(try self.generate(&chain, tending: .max) == self.undisturbedLong())
        #expect(chain.recovered.isEmpty)
        #expect(chain.preparations.map(\.excluding).contains([self.peers[0], self.peers[5]]))
        #expect(chain.retired.contains(HopID(rawValue: 3)))
    }

    @Test func `a standby whose step is under way takes over all the same`() throws {
        let hops = zip(self.peers, self.ranges).map { (peer: $0, blocks: $1) }
        var chain = ToyChain(hops, keepsStandbys: true)
        chain.plan = { [peers] in [(peer: peers[5], blocks: $0.blocks)] }
        chain.fate = { $0.hop.rawValue == 0 && $0.position == 40 ? .loses(.gone) : .answers }
        // The first step of an understudy never comes back.
        #expect(try self.generate(&chain, tending: .max, answers: false) == self.undisturbedLong())
        #expect(chain.recovered.map(\.tokens) == [40])
        #expect(chain.vacancies.isEmpty)
    }

    @Test func `a standby whose feeding the end of a turn interrupts is not to blame`() throws {
        let hops = zip(self.peers, self.ranges).map { (peer: $0, blocks: $1) }
        var chain = ToyChain(hops, keepsStandbys: true)
        chain.plan = { [peers] in [(peer: peers[5], blocks: $0.blocks)] }
        #expect(chain.run((0..<20).map { UInt64($0) }, at: 0) != nil)
        for _ in 0..<2 {
            guard case .prepare(let vacancy)? = chain.session.nextChore(now: chain.now) else {
                Issue.record("nobody is prepared")
                return
            }
            chain.session.interrupted(vacancy.id)
        }
        chain.tend(steps: 0)
        chain.tend(answers: false)
        let fed = try #require(chain.fed.last)
        chain.session.interrupted(fed.id)
        chain.tend()
        // The same again, and the peer is still asked.
        #expect(chain.fed.contains { $0.hop == fed.hop && $0.position == fed.position && $0.id != fed.id })
        #expect(chain.retired.isEmpty)
    }

    @Test func `nobody stands by who does not bear a step twice`() throws {
        let hops = zip(self.peers, self.ranges).map { (peer: $0, blocks: $1) }
        var chain = ToyChain(hops, keepsStandbys: true)
        chain.isExact = false
        chain.plan = { [peers] in [(peer: peers[5], blocks: $0.blocks)] }
        #expect(try self.generate(&chain, tending: .max) == self.undisturbedLong())
        #expect(chain.fed.isEmpty)
        #expect(chain.preparations.count == 3)
    }

    /// One token at a time, with two wrong guesses behind each where `guesses` says so.
    private func generateGuessing(_ chain: inout ToyChain, guesses: Bool, _ beside: (inout ToyChain) -> Void)
        -> [UInt64?]
    {
        var results: [UInt64?] = [7]
        for position in 0..<60 {
            guard let last = results.last ?? nil else { break }
            let rows = guesses ? [last, 998, 999] : [last]
            results.append(chain.run(rows, at: position, guesses: rows.count - 1))
            beside(&chain)
        }
        return results
    }

    /// Whatever a standby has run ahead of its hop is worth nothing: nobody was given what came of it.
    @Test(arguments: 0..<3, [false, true]) func `a standby that ran ahead of its hop takes over where that was`(
        hop: Int,
        guesses: Bool
    ) throws {
        let hops = zip(self.peers, self.ranges).map { (peer: $0, blocks: $1) }
        var undisturbed = ToyChain(hops)
        let expected = self.generateGuessing(&undisturbed, guesses: false) { _ in }
        for position in 16..<60 {
            var chain = ToyChain(hops, chunk: 32, keepsStandbys: true)
            chain.tendsDuringSteps = true
            chain.plan = { [peers] in [(peer: peers[5], blocks: $0.blocks)] }
            chain.fate = { $0.hop.rawValue == UInt64(hop) && $0.position == position ? .loses(.gone) : .answers }
            #expect(self.generateGuessing(&chain, guesses: guesses) { _ in } == expected)
            #expect(chain.recovered.count == 1)
        }
    }

    @Test(arguments: 0..<3) func `what a standby was given of wrong guesses is given anew`(hop: Int) throws {
        let hops = zip(self.peers, self.ranges).map { (peer: $0, blocks: $1) }
        var undisturbed = ToyChain(hops)
        let expected = self.generateGuessing(&undisturbed, guesses: false) { _ in }
        for position in 16..<60 {
            var chain = ToyChain(hops, chunk: 32, keepsStandbys: true)
            chain.plan = { [peers] in [(peer: peers[5], blocks: $0.blocks)] }
            chain.fate = { $0.hop.rawValue == UInt64(hop) && $0.position == position ? .loses(.gone) : .answers }
            #expect(self.generateGuessing(&chain, guesses: true) { $0.beginFeeding() } == expected)
            #expect(chain.recovered.count == 1)
            #expect(!chain.fed.isEmpty)
        }
    }
}
