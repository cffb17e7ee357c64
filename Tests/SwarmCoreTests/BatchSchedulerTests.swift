import P2PWire
import ShardProtocol
import Testing

@testable import SwarmCore

@Suite struct BatchSchedulerTests {
    private func step(
        _ id: UInt64,
        of peer: UInt8 = 1,
        tokens: Int = 1,
        blocks: (Int, Int) = (0, 4)
    ) throws -> BatchScheduler.Step {
        BatchScheduler.Step(
            id: StepID(rawValue: id),
            peer: try Samples.peer(peer),
            blocks: try BlockRange(blocks.0, blocks.1),
            tokenCount: tokens
        )
    }

    /// What a pass consists of, as `id: tokens`.
    private func contents(_ batch: BatchScheduler.Batch?) -> [UInt64: Range<Int>] {
        Dictionary(uniqueKeysWithValues: batch?.portions.map { ($0.id.rawValue, $0.tokens) } ?? [])
    }

    // MARK: Who shares a pass

    @Test func `steps that decode in one span share a pass, whoever they are of`() throws {
        var scheduler = BatchScheduler(rowsPerPass: 256)
        for id in 0..<8 {
            #expect(scheduler.ready(try self.step(UInt64(id), of: UInt8(id % 3), tokens: 1 + id % 2)) == nil)
        }
        let batch = scheduler.next()
        #expect(batch?.portions.count == 8)
        #expect(batch?.rows == 12)
        #expect(batch?.portions.allSatisfy(\.isLast) == true)
        #expect(scheduler.next() == nil)
        scheduler.ended(took: .milliseconds(1))
        #expect(scheduler.next() == nil)
    }

    @Test func `other spans have passes of their own, in turn`() throws {
        var scheduler = BatchScheduler(rowsPerPass: 256)
        for id in 0..<6 { _ = scheduler.ready(try self.step(UInt64(id), blocks: id % 2 == 0 ? (0, 4) : (1, 3))) }
        #expect(Set(self.contents(scheduler.next()).keys) == [0, 2, 4])
        // More for the first span does not go before what waits already.
        _ = scheduler.ready(try self.step(6))
        scheduler.ended(took: .milliseconds(1))
        #expect(Set(self.contents(scheduler.next()).keys) == [1, 3, 5])
        scheduler.ended(took: .milliseconds(1))
        #expect(Set(self.contents(scheduler.next()).keys) == [6])
    }

    @Test func `a prefill alone takes whole passes`() throws {
        var scheduler = BatchScheduler(rowsPerPass: 256)
        _ = scheduler.ready(try self.step(1, tokens: 600))
        #expect(self.contents(scheduler.next()) == [1: 0..<256])
        scheduler.ended(took: .seconds(1))
        #expect(self.contents(scheduler.next()) == [1: 256..<512])
        scheduler.ended(took: .seconds(1))
        let last = scheduler.next()
        #expect(self.contents(last) == [1: 512..<600])
        #expect(last?.portions[0].isLast == true)
    }

    @Test func `beside somebody who decodes, a prefill's portion takes no longer than the longest stall`() throws {
        var scheduler = BatchScheduler(rowsPerPass: 256)
        _ = scheduler.ready(try self.step(1, tokens: 2000))
        _ = scheduler.next()
        // 256 rows in 400 ms are 32 in 50.
        scheduler.ended(took: .milliseconds(400))
        _ = scheduler.ready(try self.step(2, of: 2))
        #expect(self.contents(scheduler.next()) == [1: 256..<287, 2: 0..<1])
        scheduler.ended(took: .milliseconds(50))
        // Whoever decodes comes back: the portions stay small meanwhile.
        #expect(self.contents(scheduler.next())[1]?.count == 32)
        scheduler.ended(took: .milliseconds(50))
        for _ in 1..<Limits.passesSinceDecoding {
            _ = scheduler.next()
            scheduler.ended(took: .milliseconds(50))
        }
        let portion = self.contents(scheduler.next())[1]
        #expect(try #require(portion).count > 100)
    }

    @Test func `a step that failed goes no further, and the others of its pass do`() throws {
        var scheduler = BatchScheduler(rowsPerPass: 64)
        _ = scheduler.ready(try self.step(1, tokens: 40))
        _ = scheduler.ready(try self.step(2, of: 2, tokens: 100))
        #expect(self.contents(scheduler.next()) == [1: 0..<40, 2: 0..<24])
        scheduler.ended(failed: [StepID(rawValue: 1)], took: .milliseconds(1))
        #expect(self.contents(scheduler.next()) == [2: 24..<88])
        scheduler.ended(failed: [StepID(rawValue: 2)], took: .milliseconds(1))
        #expect(scheduler.next() == nil)
    }

    @Test func `a step that nobody wants is dropped, unless it has begun`() throws {
        var scheduler = BatchScheduler(rowsPerPass: 64)
        _ = scheduler.ready(try self.step(1, tokens: 100))
        _ = scheduler.ready(try self.step(2, tokens: 100))
        _ = scheduler.next()
        #expect(scheduler.abandoned(StepID(rawValue: 1)) == false)
        #expect(scheduler.abandoned(StepID(rawValue: 2)) == true)
        scheduler.ended(took: .milliseconds(1))
        #expect(scheduler.abandoned(StepID(rawValue: 1)) == false)
        #expect(self.contents(scheduler.next()) == [1: 64..<100])
    }

    // MARK: Bounds

    @Test func `the queue is bounded for each peer and for all, and says when to come back`() throws {
        var scheduler = BatchScheduler(rowsPerPass: 256)
        _ = scheduler.ready(try self.step(1000, tokens: 100))
        _ = scheduler.next()
        // 100 rows in 4 blocks a second.
        scheduler.ended(took: .seconds(1))
        for id in 0..<Limits.queuedStepsOfPeer { #expect(scheduler.ready(try self.step(UInt64(id))) == nil) }
        let advice = scheduler.ready(try self.step(1001))
        let delay = try #require(advice)
        #expect((Duration.milliseconds(479)...Duration.milliseconds(481)).contains(delay))
        for id in 0..<Limits.queuedSteps - Limits.queuedStepsOfPeer {
            #expect(scheduler.ready(try self.step(UInt64(2000 + id), of: UInt8(2 + id % 100))) == nil)
        }
        #expect(scheduler.ready(try self.step(1002, of: 200)) != nil)
        #expect(scheduler.waitingCount == Limits.queuedSteps)
    }

    @Test func `a thousand peers who came and went leave nothing behind that grows`() throws {
        var shares = FairShares()
        for number in 0..<1000 {
            let peer = try Identity(seed: (0..<32).map { UInt8(truncatingIfNeeded: number >> ($0 % 2 * 8)) }).peerID
            shares.lead(peer, in: number, among: [peer])
        }
        #expect(shares.count <= Limits.passesOver)
    }

    // MARK: Fairness

    @Test(arguments: [1, 5, 40]) func `a peer with many sessions gets no more than one with a single one`(
        sessions: Int
    ) throws {
        var scheduler = BatchScheduler(rowsPerPass: 256)
        var nextID: UInt64 = 0
        var owners: [UInt64: UInt8] = [:]
        func add(_ peer: UInt8) throws {
            nextID += 1
            owners[nextID] = peer
            // Whole passes, so that nobody's share is left to the other.
            #expect(scheduler.ready(try self.step(nextID, of: peer, tokens: 1024)) == nil)
        }
        for _ in 0..<sessions { try add(1) }
        try add(2)
        var rows: [UInt8: Int] = [:]
        for _ in 0..<200 {
            let next = scheduler.next()
            let batch = try #require(next)
            for portion in batch.portions { rows[owners[portion.id.rawValue] ?? 0, default: 0] += portion.tokens.count }
            scheduler.ended(took: .milliseconds(10))
            for portion in batch.portions where portion.isLast { try add(owners[portion.id.rawValue] ?? 0) }
        }
        // What one pass may hold, and another that the last prefill began.
        #expect(abs((rows[1] ?? 0) - (rows[2] ?? 0)) <= 512, "\(rows)")
    }

    @Test func `rows count, not turns: who asks for little at a time has more of them`() throws {
        var scheduler = BatchScheduler(rowsPerPass: 256)
        var nextID: UInt64 = 0
        var rows: [UInt8: Int] = [:]
        func add(_ peer: UInt8) throws {
            nextID += 1
            // In spans of their own, so that nobody rides along; the parity of the number tells whose it is.
            nextID += nextID % 2 == UInt64(peer % 2) ? 0 : 1
            let tokens = peer == 1 ? 1024 : 64
            _ = scheduler.ready(try self.step(nextID, of: peer, tokens: tokens, blocks: (Int(peer), 4)))
        }
        try add(1)
        try add(2)
        for _ in 0..<400 {
            let next = scheduler.next()
            let portion = try #require(next?.portions.first)
            let peer: UInt8 = portion.id.rawValue % 2 == 1 ? 1 : 2
            rows[peer, default: 0] += portion.tokens.count
            scheduler.ended(took: .milliseconds(10))
            if portion.isLast { try add(peer) }
        }
        let ratio = Double(rows[1] ?? 0) / Double(rows[2] ?? 1)
        // Reading the weights counts too, and small passes do so more often.
        #expect((0.8...1.25).contains(ratio), "\(rows)")
    }

    @Test func `somebody who decodes in one span waits one pass for each peer that decodes in others`() throws {
        var scheduler = BatchScheduler(rowsPerPass: 256)
        var nextID: UInt64 = 100
        // Many sessions of a peer in nine spans, which are ready again as soon as they can be.
        var blocks: [UInt64: (Int, Int)] = [:]
        func add(_ span: (Int, Int)) throws {
            nextID += 1
            blocks[nextID] = span
            _ = scheduler.ready(try self.step(nextID, of: 1, blocks: span))
        }
        for id in 0..<45 { try add((id % 9, 10)) }
        for round in 0..<100 {
            _ = scheduler.ready(try self.step(UInt64(round), of: 2, blocks: (0, 1)))
            var waited = 0
            while true {
                let next = scheduler.next()
                let batch = try #require(next)
                scheduler.ended(took: .milliseconds(1))
                for portion in batch.portions { try blocks[portion.id.rawValue].map(add) }
                if batch.portions.contains(where: { $0.id.rawValue == UInt64(round) }) { break }
                waited += 1
            }
            #expect(waited <= 1, "in round \(round)")
        }
    }

    @Test func `nothing starves where new peers keep coming`() throws {
        var scheduler = BatchScheduler(rowsPerPass: 256)
        // It has had its share already.
        _ = scheduler.ready(try self.step(0, of: 255, tokens: 256))
        _ = scheduler.next()
        scheduler.ended(took: .milliseconds(1))
        _ = scheduler.ready(try self.step(1, of: 255, blocks: (2, 3)))
        for number in 0..<Limits.passesOver + 1 {
            _ = scheduler.ready(try self.step(UInt64(2 + number), of: UInt8(number)))
            let batch = scheduler.next()
            scheduler.ended(took: .milliseconds(1))
            if self.contents(batch)[1] != nil { return }
        }
        Issue.record("it still waits")
    }

    // MARK: Random arrivals

    @Test(arguments: 0..<12) func `every token is computed once, in order, and nobody waits beyond the bound`(
        seed: UInt64
    ) throws {
        var generator = Seeded(state: seed)
        var scheduler = BatchScheduler(rowsPerPass: 256)
        var steps: [StepID: (step: BatchScheduler.Step, done: Int, readySince: Int)] = [:]
        var (nextID, pass, finished) = (UInt64(0), 0, 0)
        let peers = UInt8.random(in: 1...12, using: &generator)
        while pass < 200 || !steps.isEmpty {
            for _ in 0..<(pass < 200 ? Int.random(in: 0...4, using: &generator) : 0) {
                let lower = Int.random(in: 0...2, using: &generator)
                let step = try self.step(
                    nextID,
                    of: .random(in: 0..<peers, using: &generator),
                    tokens: Bool.random(using: &generator) ? 1 : Int.random(in: 1...700, using: &generator),
                    blocks: (lower, lower + 1 + Int.random(in: 0...2, using: &generator))
                )
                nextID += 1
                if scheduler.ready(step) == nil { steps[step.id] = (step, 0, pass) }
            }
            if Int.random(in: 0..<10, using: &generator) == 0,
                let (id, entry) = steps.min(by: { $0.key.rawValue < $1.key.rawValue })
            {
                #expect(scheduler.abandoned(id) == (entry.done == 0))
                if entry.done == 0 { steps[id] = nil }
            }
            pass += 1
            guard let batch = scheduler.next() else { continue }
            #expect((1...256).contains(batch.rows))
            #expect(Set(batch.portions.map(\.id)).count == batch.portions.count)
            var failed: Set<StepID> = []
            for portion in batch.portions {
                let entry = try #require(steps[portion.id])
                #expect(entry.step.blocks == batch.blocks)
                #expect(portion.tokens.lowerBound == entry.done && !portion.tokens.isEmpty)
                #expect(portion.isLast == (portion.tokens.upperBound == entry.step.tokenCount))
                #expect(pass - entry.readySince <= Self.passesBound)
                let isOver = portion.isLast || Int.random(in: 0..<20, using: &generator) == 0
                if isOver, !portion.isLast { failed.insert(portion.id) }
                steps[portion.id] = isOver ? nil : (entry.step, portion.tokens.upperBound, pass)
                finished += isOver ? 1 : 0
            }
            scheduler.ended(failed: failed, took: .milliseconds(batch.rows))
        }
        #expect(scheduler.waitingCount == 0)
        #expect(finished > 50)
    }

    /// Each pass serves somebody of those that the queue holds; others overtake only until they have had as much, which
    /// doubles it at most.
    private static let passesBound = 2 * Limits.queuedSteps
}

/// The same numbers for the same seed (SplitMix64).
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state &+= 0x9e37_79b9_7f4a_7c15
        var z = self.state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
