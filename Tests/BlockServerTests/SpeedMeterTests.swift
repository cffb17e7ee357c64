import Testing

@testable import BlockServer

@Suite struct SpeedMeterTests {
    @Test func `starts with its first measurement and follows slowly`() {
        var meter = SpeedMeter()
        meter.measured(blocks: 10, tokens: 1, took: .milliseconds(10))
        #expect(meter.blocksPerSecond == 1000)
        meter.measured(blocks: 10, tokens: 1, took: .milliseconds(5))
        #expect((1000..<1100).contains(meter.blocksPerSecond))
    }

    @Test func `prefills and impossible times are not counted`() {
        var meter = SpeedMeter()
        meter.measured(blocks: 10, tokens: 64, took: .milliseconds(10))
        meter.measured(blocks: 10, tokens: 1, took: .zero)
        #expect(meter.blocksPerSecond == 0)
    }
}
