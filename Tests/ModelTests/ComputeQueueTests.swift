import Foundation
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
            let isBehind = await queue.run { flag.value }
            await next.value
            return isBehind
        }
        #expect(!isBehind)
    }

    @Test func `runs a brief pass on the caller's thread`() async {
        let queue = ComputeQueue(label: "test")
        let isHere = await withTaskExecutorPreference(ComputeQueue(label: "caller")) {
            let caller = pthread_self()
            return await queue.run(isBrief: true) { pthread_equal(caller, pthread_self()) != 0 }
        }
        #expect(isHere)
    }

    @Test func `runs a brief pass behind one that has begun`() async {
        let queue = ComputeQueue(label: "test")
        let gate = DispatchSemaphore(value: 0)
        let flag = Flag()
        let long = Task { await queue.run { gate.wait() } }
        while queue.pendingPasses < 1 { await Task.yield() }
        let brief = Task { await queue.run(isBrief: true) { flag.isSet.store(true, ordering: .relaxed) } }
        while queue.pendingPasses < 2 { await Task.yield() }
        #expect(!flag.value)
        gate.signal()
        await long.value
        await brief.value
        #expect(flag.value)
    }

    private final class Flag: Sendable {
        let isSet = Atomic(false)
        var value: Bool { self.isSet.load(ordering: .relaxed) }
    }
}
