/// The possible merges of a word, the lowest rank first and among equal ranks the leftmost: a binary heap.
struct MergeQueue {
    struct Candidate {
        let rank: UInt32
        /// The index of the left symbol.
        let position: Int32
        /// The token that the two become.
        let result: UInt32

        fileprivate var key: UInt64 { UInt64(rank) << 32 | UInt64(UInt32(bitPattern: position)) }
    }

    private var heap: [Candidate] = []

    mutating func removeAll() { heap.removeAll(keepingCapacity: true) }

    mutating func push(_ candidate: Candidate) {
        heap.append(candidate)
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].key < heap[parent].key else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    mutating func pop() -> Candidate? {
        guard let last = heap.popLast() else { return nil }
        guard let first = heap.first else { return last }
        heap[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in 2 * parent + 1...2 * parent + 2 where child < heap.count && heap[child].key < heap[least].key {
                least = child
            }
            guard least != parent else { return first }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
