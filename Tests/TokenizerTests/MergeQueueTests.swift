import Testing

@testable import Tokenizer

@Suite struct MergeQueueTests {
    @Test func `gives the lowest rank first and among equals the leftmost`() {
        var numbers = SeededNumbers(seed: 1)
        var queue = MergeQueue()
        var expected: [(UInt32, Int32)] = []
        for position in 0..<200 as Range<Int32> {
            let rank = UInt32.random(in: 0..<20, using: &numbers)
            expected.append((rank, position))
        }
        for (rank, position) in expected.shuffled(using: &numbers) {
            queue.push(.init(rank: rank, position: position, result: 0))
        }
        for (rank, position) in expected.sorted(by: <) {
            let candidate = queue.pop()
            #expect(candidate?.rank == rank)
            #expect(candidate?.position == position)
        }
        #expect(queue.pop()?.rank == nil)
    }
}
