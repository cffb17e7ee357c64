import P2PWire
import ShardProtocol
import Synchronization
import Testing

@testable import SwarmCore

@Suite struct ChainSessionTests {
    let peers: [PeerID]
    let ranges: [BlockRange]

    init() throws {
        self.peers = try Samples.peers(8)
        self.ranges = [try BlockRange(0, 3), try BlockRange(3, 6), try BlockRange(6, 8)]
    }

    func chain(
        chunk: Int = 4,
        isRecoverable: Bool = true,
        loggedBytes: Int = 1 << 20
    ) -> ToyChain {
        let hops = zip(self.peers, self.ranges).map { (peer: $0, blocks: $1) }
        return ToyChain(hops, chunk: chunk, isRecoverable: isRecoverable, loggedBytes: loggedBytes)
    }

    /// A prompt of ten tokens in chunks of four, then tokens that follow from what came before.
    func generate(_ chain: inout ToyChain, tokens: Int = 12) -> [UInt64]? {
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

    func undisturbed() throws -> [UInt64] {
        var chain = self.chain()
        return try #require(self.generate(&chain))
    }

    /// The sessions at the end hold the sequence, each token once, and nobody else is open.
    func expectOrder(_ chain: ToyChain) {
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
    func pipeline(_ ahead: Int = 8, chunk: Int = 4) -> ToyChain {
        let hops = zip(self.peers, self.ranges).map { (peer: $0, blocks: $1) }
        return ToyChain(hops, chunk: chunk, takingStepsAhead: Set(self.peers.suffix(ahead)))
    }

    func undisturbedPrefill() throws -> UInt64 {
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
}
