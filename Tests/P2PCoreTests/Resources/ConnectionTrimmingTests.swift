import NIOCore
import Testing

@testable import P2PCore

@Suite struct ConnectionTrimmingTests {
    private let now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    /// High marks at 7 and 14, low marks at 6 and 12.
    private let trimming = ConnectionTrimming(
        bound: ResourceBound(inbound: ResourceAmount(connections: 8), total: ResourceAmount(connections: 16)),
        grace: .seconds(20)
    )

    private func candidates(
        _ numbers: ClosedRange<UInt64>,
        _ direction: Direction = .inbound,
        _ change: (inout ConnectionTrimming.Candidate) -> Void = { _ in }
    ) -> [ConnectionTrimming.Candidate] {
        numbers.map { number in
            var candidate = ConnectionTrimming.Candidate(
                number: number,
                direction: direction,
                openedAt: self.now - .minutes(10),
                silence: .seconds(Int64(number)),
                streamCount: 0,
                isProtected: false
            )
            change(&candidate)
            return candidate
        }
    }

    private func usage(inbound: Int, outbound: Int = 0) -> ResourceUsage {
        var usage = ResourceUsage()
        usage.inbound.connections = inbound
        usage.outbound.connections = outbound
        return usage
    }

    @Test func `below the marks nothing is given up`() {
        #expect(!self.trimming.isDue(self.usage(inbound: 7, outbound: 7)))
        #expect(self.trimming.choose(self.candidates(1...7), usage: self.usage(inbound: 7), at: self.now).isEmpty)
    }

    @Test func `above the high mark the most silent are given up down to the low mark`() {
        let chosen = self.trimming.choose(self.candidates(1...8), usage: self.usage(inbound: 8), at: self.now)
        #expect(chosen == [8, 7])
    }

    @Test func `what others began goes before what this host began`() {
        let candidates = self.candidates(1...3) + self.candidates(10...21, .outbound)
        let chosen = self.trimming.choose(candidates, usage: self.usage(inbound: 3, outbound: 12), at: self.now)
        #expect(chosen == [3, 2, 1])
    }

    @Test func `what this host began is not given up for room that it does not make`() {
        let candidates = self.candidates(1...1) + self.candidates(10...12, .outbound)
        let chosen = self.trimming.choose(candidates, usage: self.usage(inbound: 8, outbound: 3), at: self.now)
        #expect(chosen == [1])
    }

    @Test func `whatever is new, in use or protected stays`() {
        let new = self.candidates(1...3) { $0.openedAt = self.now - .seconds(19) }
        let used = self.candidates(4...5) { $0.streamCount = 1 }
        let protected = self.candidates(6...8) { $0.isProtected = true }
        let usage = self.usage(inbound: 8)
        #expect(self.trimming.choose(new + used + protected, usage: usage, at: self.now).isEmpty)
        let old = self.candidates(9...9) { $0.openedAt = self.now - .seconds(20) }
        #expect(self.trimming.choose(new + used + protected + old, usage: usage, at: self.now) == [9])
    }
}
