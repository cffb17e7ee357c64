import Synchronization
import Testing

@testable import Kademlia

@Suite struct ConcurrencyTests {
    @Test(arguments: [1, 3, 50]) func `every item is done once, no more than the limit at a time`(limit: Int) async {
        let running = Mutex((now: 0, most: 0))
        let values = await concurrently(Array(0..<20), limit: limit) { item in
            running.withLock {
                $0.now += 1
                $0.most = max($0.most, $0.now)
            }
            await Task.yield()
            running.withLock { $0.now -= 1 }
            return item
        }
        #expect(values.sorted() == Array(0..<20))
        #expect(running.withLock { $0.most } <= limit)
    }

    @Test func `nothing to do is done at once`() async {
        #expect(await concurrently([Int](), limit: 0) { $0 }.isEmpty)
    }
}
