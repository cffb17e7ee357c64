import P2PWire
import ShardProtocol
import Testing

@testable import SwarmCore

// MARK: - Beside the passes

extension ChainSessionTests {
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
