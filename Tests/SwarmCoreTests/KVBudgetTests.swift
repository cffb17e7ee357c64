import P2PWire
import ShardProtocol
import Testing

@testable import SwarmCore

@Suite struct KVBudgetTests {
    @Test func `reserves up to its capacity and gives back what was reserved`() throws {
        var budget = KVBudget(capacity: 100)
        let (first, second) = (try Samples.key(1), try Samples.key(2))
        let reserved = [(60, first), (41, second), (40, second)].map { budget.reserve($0, for: $1) }
        #expect(reserved == [true, false, true])
        #expect(budget.free == 0)
        let less = budget.reserve(30, for: first)
        #expect(less)
        #expect(budget.reservation(of: first) == 60)
        budget.release(first)
        #expect(budget.free == 60)
        #expect(budget.reserved(by: first.peer) == 0)
        budget.release(first)
        #expect(budget.free == 60)
    }

    @Test func `the share shrinks with the peers that hold a part`() throws {
        var budget = KVBudget(capacity: 100)
        let newcomer = try Samples.peer(9)
        #expect(budget.fairShare(with: newcomer) == 100)
        let reserved = budget.reserve(10, for: try Samples.key(1))
        #expect(reserved)
        #expect(budget.fairShare(with: newcomer) == 50)
        #expect(budget.fairShare(with: try Samples.peer(1)) == 100)
    }
}
