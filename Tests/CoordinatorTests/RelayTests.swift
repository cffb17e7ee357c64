import SwarmCore
import Testing

@testable import Coordinator

@Suite struct RelayTests {
    private let hops = (0..<3).map { HopID(rawValue: $0) }
    private let ids = (10..<13).map { StepID(rawValue: $0) }

    private var relay: Relay { Relay(zip(self.ids, self.hops).map { ($0, $1) }) }

    /// Milliseconds.
    private func timing(compute: Int, queue: Int = 0, network: Int) -> StepTiming {
        StepTiming(
            compute: .milliseconds(compute),
            queue: .milliseconds(queue),
            serialise: .milliseconds(1),
            network: .milliseconds(network)
        )
    }

    @Test func `a hop's share of the network is what its way is longer than that of the hop before`() throws {
        var relay = self.relay
        // 10 ms from hop to hop and back from each; 5, 7 and 9 ms of work.
        relay.answered(self.ids[2], self.timing(compute: 6, queue: 3, network: 40 + 5 + 7))
        relay.answered(self.ids[0], self.timing(compute: 5, network: 20))
        #expect(relay.shares == nil)
        relay.answered(self.ids[1], self.timing(compute: 4, queue: 3, network: 30 + 5))
        let shares = try #require(relay.shares)
        #expect(shares.map(\.hop) == self.hops)
        #expect(shares.map(\.timing.network) == [.milliseconds(20), .milliseconds(10), .milliseconds(10)])
        #expect(shares.map(\.timing.compute) == [.milliseconds(5), .milliseconds(4), .milliseconds(6)])
        #expect(shares.map(\.timing.queue) == [.zero, .milliseconds(3), .milliseconds(3)])
    }

    @Test func `an answer that is overtaken counts no more than the one that overtakes it`() throws {
        var relay = self.relay
        relay.answered(self.ids[0], self.timing(compute: 5, network: 500))
        relay.answered(self.ids[1], self.timing(compute: 5, network: 30))
        relay.answered(self.ids[2], self.timing(compute: 5, network: 50))
        let shares = try #require(relay.shares)
        #expect(shares.map(\.timing.network) == [.milliseconds(25), .zero, .milliseconds(15)])
    }

    @Test func `a hop that claims more work than there was time makes no share negative`() throws {
        var relay = self.relay
        relay.answered(self.ids[0], self.timing(compute: 900, network: 1))
        relay.answered(self.ids[1], self.timing(compute: 2, network: 30))
        relay.answered(self.ids[2], self.timing(compute: 2, network: 40))
        let shares = try #require(relay.shares)
        #expect(shares.allSatisfy { $0.timing.network >= .zero })
    }

    @Test func `the answer of a hop that the step does not go through changes nothing`() {
        var relay = Relay([(self.ids[0], self.hops[0])])
        relay.answered(self.ids[2], self.timing(compute: 1, network: 1))
        #expect(relay.shares == nil)
    }
}
