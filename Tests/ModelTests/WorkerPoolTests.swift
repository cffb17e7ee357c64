import Dispatch
import Synchronization
import Testing

@testable import Model

@Suite struct WorkerPoolTests {
    @Test(arguments: [1, 2, 3, 8]) func `does every part once`(threads: Int) {
        let pool = WorkerPool(threads: threads)
        for parts in [0, 1, 2, 7, 100] {
            let counts = (0..<parts).map { _ in Counter() }
            pool.run(parts: parts) { counts[$0].value.add(1, ordering: .relaxed) }
            #expect(counts.allSatisfy { $0.value.load(ordering: .relaxed) == 1 })
        }
    }

    @Test func `serves several callers at once`() {
        let pool = WorkerPool(threads: 3)
        let total = Counter()
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            for _ in 0..<500 { pool.run(parts: 5) { total.value.add($0, ordering: .relaxed) } }
        }
        #expect(total.value.load(ordering: .relaxed) == 8 * 500 * 10)
    }

    private final class Counter: Sendable {
        let value = Atomic<Int>(0)
    }
}
