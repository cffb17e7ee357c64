import Synchronization
import Testing

@testable import P2PCore

struct ConcurrentlyTests {
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

    @Test func `when the time is over, what runs gives what it has, and nothing more is begun`() async {
        let values = await concurrently(Array(0..<5), limit: 2, within: .milliseconds(1)) { item in
            try? await pause(for: .seconds(600))
            return item
        }
        #expect(values.sorted() == [0, 1])
    }

    @Test func `nothing more is taken once it is enough`() async {
        let values = await concurrently(Array(0..<5), limit: 1, within: .seconds(600), until: { $0.count == 3 }) { $0 }
        #expect(values == [0, 1, 2])
    }

    @Test func `what still runs when it is enough is cancelled`() async {
        let values = await concurrently(Array(0..<2), limit: 2, until: { !$0.isEmpty }) { item in
            if item == 1 { try? await pause(for: .seconds(600)) }
            return item
        }
        #expect(values == [0])
    }
}
