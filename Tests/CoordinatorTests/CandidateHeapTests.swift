import Testing

@testable import Coordinator

@Suite struct CandidateHeapTests {
    @Test func `hands out tokens by logit, and by id where logits are equal`() {
        var heap = CandidateHeap(logits: [1, 3, 2, 3, 0])
        var order: [UInt32] = []
        while let next = heap.pop() { order.append(next.token) }
        #expect(order == [1, 3, 2, 0, 4])
    }

    @Test func `agrees with a full sort on any logits`() {
        var generator = SystemRandomNumberGenerator()
        for count in [1, 2, 3, 17, 1000] {
            // Few distinct values, so that ties are common.
            let logits = (0..<count).map { _ in Float(Int.random(in: -5...5, using: &generator)) }
            var heap = CandidateHeap(logits: logits)
            var order: [UInt32] = []
            while let next = heap.pop() { order.append(next.token) }
            let sorted = (0..<count).sorted { (logits[$0], $1) > (logits[$1], $0) }.map(UInt32.init)
            #expect(order == sorted)
        }
    }

    @Test(arguments: [-.infinity, -6, -5, 0, 3, 5, 6, .infinity] as [Float])
    func `hands out the same whatever it puts in order first`(cut: Float) {
        var generator = SystemRandomNumberGenerator()
        let logits = (0..<200).map { _ in Float(Int.random(in: -5...5, using: &generator)) }
        var (whole, parts) = (CandidateHeap(logits: logits), CandidateHeap(logits: logits, from: cut))
        let expected = (0...200).map { _ in whole.pop()?.token }
        #expect((0...200).map { _ in parts.pop()?.token } == expected)
    }
}
