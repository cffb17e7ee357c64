import Testing

@testable import Model

@Suite struct ComputeQueueTests {
    @Test func `hands back what a pass returned`() async throws {
        let queue = ComputeQueue(label: "test")
        let sum = await queue.run { (1...100).reduce(0, +) }
        #expect(sum == 5050)
    }

    @Test func `hands back what a pass threw`() async {
        struct Refused: Error, Equatable {}
        let queue = ComputeQueue(label: "test")
        await #expect(throws: Refused()) {
            try await queue.run { () throws(Refused) in throw Refused() }
        }
    }
}
