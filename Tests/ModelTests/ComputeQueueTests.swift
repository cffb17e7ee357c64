import Synchronization
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

    @Test func `runs the passes of a task that lives on it at once`() async {
        let queue = ComputeQueue(label: "test")
        let flag = Flag()
        let isBehind = await withTaskExecutorPreference(queue) {
            let next = Task(executorPreference: queue) { flag.isSet.store(true, ordering: .relaxed) }
            let isBehind = await queue.run { flag.isSet.load(ordering: .relaxed) }
            await next.value
            return isBehind
        }
        #expect(!isBehind)
    }

    private final class Flag: Sendable {
        let isSet = Atomic(false)
    }
}
