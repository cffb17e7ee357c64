import P2PWire
import ShardProtocol
import Testing

@testable import SwarmCore

// MARK: - Losses

extension ChainSessionTests {
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

    @Test func `who is waited for is looked for again when its first step is late once more, not with each behind it`()
    {
        var chain = self.pipeline()
        let actions = chain.session.begin(ToyRows(rows: Array(0..<12)), at: 0, wantsLogits: true, now: chain.now)
        let steps = actions.compactMap { if case .send(let step) = $0 { step.id } else { nil } }
        guard steps.count == 3, case .plan(let vacancy)? = chain.session.late(steps[0], now: chain.now).first else {
            Issue.record("nobody is looked for")
            return
        }
        #expect(chain.session.unplanned(vacancy.id, now: chain.now).isEmpty)
        #expect(chain.session.late(steps[1], now: chain.now).isEmpty)
        guard case .plan? = chain.session.late(steps[0], now: chain.now).first else {
            Issue.record("it is waited for without end")
            return
        }
    }
}
