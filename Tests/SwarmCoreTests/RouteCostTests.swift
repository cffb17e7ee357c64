import P2PWire
import ShardProtocol
import Testing

@testable import SwarmCore

@Suite struct RouteCostTests {
    private let star = RouteCost(routing: .star, kvBytesPerBlock: 0)
    private let push = RouteCost(routing: .push, kvBytesPerBlock: 0)

    private func candidate(roundTrip: Duration?, blocksPerSecond: Double = 1000) throws -> Candidate {
        let record = try Samples.record((0, 24), blocksPerSecond: blocksPerSecond)
        return Candidate(peer: try Samples.peer(1), record: record, roundTrip: roundTrip)
    }

    @Test func `a hop of a star costs a round trip, of a push half of one each way`() throws {
        let candidate = try self.candidate(roundTrip: .milliseconds(10))
        #expect(self.star.distance(to: candidate, from: nil) == 10_000_000)
        #expect(self.star.distance(to: candidate, from: candidate) == 10_000_000)
        #expect(self.star.departure(from: candidate) == 0)
        #expect(self.push.distance(to: candidate, from: nil) == 5_000_000)
        #expect(self.push.departure(from: candidate) == 5_000_000)
    }

    /// Pushed to is who pushes, by whoever says how far it is; everybody else is reached over the coordinator.
    @Test(arguments: [
        (true, true, 12.0, 6_000_000), (true, true, nil, 15_000_000), (true, false, 12, 15_000_000),
        // Two that are so near to each other are not one twice as far from here as the other.
        (true, true, 1, 5_000_000),
    ])
    func `a push costs half of what is announced, and as much as a star where nothing is or nobody can`(
        first: Bool,
        second: Bool,
        announced: Double?,
        nanoseconds: Int
    ) throws {
        let (near, far) = (try Samples.peer(1), try Samples.peer(2))
        var record = try Samples.record((0, 12), pushes: first)
        record.neighbourPings[far] = announced
        let from = Candidate(peer: near, record: record, roundTrip: .milliseconds(10))
        let next = try Samples.record((12, 24), pushes: second)
        let to = Candidate(peer: far, record: next, roundTrip: .milliseconds(20))
        #expect(self.push.distance(to: to, from: from) == nanoseconds)
        #expect(self.star.distance(to: to, from: from) == 20_000_000)
    }

    @Test func `unknown and unbelievable round trips have fixed costs`() throws {
        let unknown = try self.candidate(roundTrip: nil)
        #expect(self.star.distance(to: unknown, from: nil) == RouteCost.unknownRoundTrip)
        let far = try self.candidate(roundTrip: .seconds(1 << 40))
        #expect(self.star.distance(to: far, from: nil) == RouteCost.longestRoundTrip)
    }

    @Test(arguments: [(1000.0, 1_000_000), (0.0, 20_000_000), (1e300, 1000), (1e-300, 10_000_000_000)])
    func `a block costs the inverse of its peer's speed`(blocksPerSecond: Double, nanoseconds: Int) throws {
        #expect(
            try self.star.block(on: self.candidate(roundTrip: nil, blocksPerSecond: blocksPerSecond)) == nanoseconds
        )
    }

    @Test func `what was measured counts, not what is announced`() throws {
        var candidate = try self.candidate(roundTrip: .zero, blocksPerSecond: 1_000_000)
        candidate.blockTime = .microseconds(1500)
        #expect(self.star.block(on: candidate) == 1_500_000)
        candidate.blockTime = .seconds(3600)
        #expect(self.star.block(on: candidate) == RouteCost.longestBlock)
    }

    @Test func `a queue costs what it takes, a failure more than any chain without one`() throws {
        var candidate = try self.candidate(roundTrip: .seconds(1 << 40), blocksPerSecond: 1e-300)
        candidate.queue = .seconds(1 << 40)
        #expect(self.star.presence(of: candidate) == RouteCost.handling + RouteCost.longestQueue)
        let worst =
            self.star.span(of: 1, on: candidate) + self.star.distance(to: candidate, from: nil)
            + self.star.presence(of: candidate) + RouteCost.noRoom
        #expect(worst * ShardProtocol.Limits.blocks < RouteCost.strike)
        candidate.strikes = .max
        let (dearest, overflow) = self.star.presence(of: candidate)
            .multipliedReportingOverflow(by: 2 * ShardProtocol.Limits.blocks)
        #expect(!overflow && dearest > 0)
    }

    @Test func `a span that is too long for the peer's room costs more, a shorter one does not`() throws {
        var candidate = try self.candidate(roundTrip: .zero)
        candidate.record.freeKVBytes = 3999
        let costs = RouteCost(routing: .star, kvBytesPerBlock: 1000)
        #expect(costs.span(of: 3, on: candidate) == 3_000_000)
        #expect(costs.span(of: 4, on: candidate) == 4_000_000 + RouteCost.noRoom)
    }
}
