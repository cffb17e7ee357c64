import P2PWire
import ShardProtocol
import Testing

@testable import SwarmCore

@Suite struct RouteCostTests {
    private func candidate(roundTrip: Duration?, blocksPerSecond: Double = 1000) throws -> Candidate {
        let record = try Samples.record((0, 24), blocksPerSecond: blocksPerSecond)
        return Candidate(peer: try Samples.peer(1), record: record, roundTrip: roundTrip)
    }

    @Test func `a hop of a star costs a round trip, of a push half of one each way`() throws {
        let candidate = try self.candidate(roundTrip: .milliseconds(10))
        let star = RouteCost(routing: .star, kvBytesPerBlock: 0)
        #expect(star.entry(into: candidate, at: 0, from: nil) == 10_000)
        #expect(star.exit(from: candidate) == 0)
        let push = RouteCost(routing: .push, kvBytesPerBlock: 0)
        #expect(push.entry(into: candidate, at: 0, from: nil) == 5_000)
        #expect(push.exit(from: candidate) == 5_000)
    }

    @Test func `unknown and unbelievable round trips have fixed costs`() throws {
        let star = RouteCost(routing: .star, kvBytesPerBlock: 0)
        #expect(star.entry(into: try self.candidate(roundTrip: nil), at: 0, from: nil) == RouteCost.unknownRoundTrip)
        let far = try self.candidate(roundTrip: .seconds(100))
        #expect(star.entry(into: far, at: 0, from: nil) == RouteCost.longestRoundTrip)
    }

    @Test(arguments: [(1000.0, 1000), (0.0, 20_000), (1e300, 1), (1e-300, 600_000_000)])
    func `a block costs the inverse of its peer's speed`(blocksPerSecond: Double, microseconds: Int) throws {
        let star = RouteCost(routing: .star, kvBytesPerBlock: 0)
        #expect(try star.block(on: self.candidate(roundTrip: nil, blocksPerSecond: blocksPerSecond)) == microseconds)
    }
}
