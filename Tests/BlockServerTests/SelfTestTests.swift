import Testing

@testable import BlockServer

@Suite struct SelfTestTests {
    @Test(arguments: [0..<4, 0..<1, 1..<3, 3..<4])
    func `good weights pass, wherever the range lies`(range: Range<Int>) throws {
        let meter = try SelfTest.run(TinyModel.loaded(range))
        #expect(meter.blocksPerSecond > 0)
    }
}
