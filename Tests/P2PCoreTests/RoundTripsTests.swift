import Testing

@testable import P2PCore

@Suite struct RoundTripsTests {
    private func series(_ milliseconds: some Sequence<Int>) -> RoundTrips {
        var series = RoundTrips()
        for count in milliseconds { series.answered(after: .milliseconds(count)) }
        return series
    }

    @Test func `sums up in any order`() {
        var series = self.series((1...100).reversed())
        series.missed()
        #expect(series.sent == 101)
        #expect(series.answered == 100)
        #expect(series.lost == 1)
        #expect(series.shortest == .milliseconds(1))
        #expect(series.longest == .milliseconds(100))
        #expect(series.median == .milliseconds(50))
        #expect(series.quantile(0.99) == .milliseconds(99))
        #expect(series.quantile(0) == .milliseconds(1))
        #expect(series.quantile(1) == .milliseconds(100))
    }

    @Test func `a quantile is a round trip that was measured`() {
        #expect(self.series([3, 1, 2]).median == .milliseconds(2))
        #expect(self.series([1, 2]).median == .milliseconds(1))
        #expect(self.series(1...50).quantile(0.99) == .milliseconds(50))
    }

    @Test func `one round trip is all of them, and none is none`() {
        let one = self.series([7])
        #expect(one.median == .milliseconds(7))
        #expect(one.quantile(0.99) == .milliseconds(7))
        #expect(RoundTrips().median == nil)
        #expect(RoundTrips().shortest == nil)
    }

    @Test func `a series without end keeps the latest, and the extremes of all`() {
        let most = Limits.roundTrips
        let series = self.series([0] + Array(repeating: 5, count: most - 1) + Array(repeating: 9, count: most - 1))
        #expect(series.answered == 2 * most - 1)
        #expect(series.shortest == .zero)
        #expect(series.median == .milliseconds(9))
        #expect(series.quantile(0) == .milliseconds(5))
    }
}
