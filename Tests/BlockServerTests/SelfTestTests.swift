import Model
import Testing

@testable import BlockServer

@Suite struct SelfTestTests {
    @Test(arguments: [0..<4, 0..<1, 1..<3, 3..<4])
    func `good weights pass, wherever the range lies`(range: Range<Int>) throws {
        let meter = try SelfTest.run(TinyModel.loaded(range))
        #expect(meter.blocksPerSecond > 0)
    }

    @Test func `weights that are not numbers keep a server from going online`() throws {
        let loaded = try LoadedRange(TinyModel.brokenDirectory(), range: 0..<TinyModel.blockCount, threads: 1)
        #expect {
            try SelfTest.run(loaded)
        } throws: { error in
            (error as? BlockServerError).map { $0.code == .selfTestFailed && $0.message.contains("0..4") } ?? false
        }
    }
}
