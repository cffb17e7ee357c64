/// The tokens of a vocabulary, handed out by (logit descending, id ascending).
///
/// A binary heap over ids: a nucleus is usually a few dozen tokens, so building it in O(n) and popping those is far
/// cheaper than sorting a vocabulary of 150,000 at each step. Where it is known below which logit hardly anybody asks, the
/// heap is one of those few above it, and the others follow when they are asked for.
struct CandidateHeap {
    private let logits: [Float]
    private var ids: [UInt32] = []
    /// What is below it is not in the heap yet.
    private var cut: Float

    init(logits: [Float], from cut: Float = -.infinity) {
        self.logits = logits
        self.cut = cut
        self.fill { $0 >= cut }
    }

    private mutating func fill(_ isMeant: (Float) -> Bool) {
        for (id, logit) in self.logits.enumerated() where isMeant(logit) { self.ids.append(UInt32(id)) }
        self.logits.withUnsafeBufferPointer { logits in
            self.ids.withUnsafeMutableBufferPointer { ids in
                for parent in stride(from: ids.count / 2 - 1, through: 0, by: -1) {
                    Self.siftDown(ids, logits, from: parent)
                }
            }
        }
    }

    mutating func pop() -> (token: UInt32, logit: Float)? {
        if self.ids.isEmpty, self.cut > -.infinity {
            let cut = self.cut
            self.cut = -.infinity
            self.fill { $0 < cut }
        }
        guard let top = self.ids.first else { return nil }
        let last = self.ids.removeLast()
        if !self.ids.isEmpty {
            self.ids[0] = last
            self.siftDown(from: 0)
        }
        return (top, self.logits[Int(top)])
    }

    private mutating func siftDown(from start: Int) {
        self.logits.withUnsafeBufferPointer { logits in
            self.ids.withUnsafeMutableBufferPointer { ids in Self.siftDown(ids, logits, from: start) }
        }
    }

    private static func siftDown(
        _ ids: UnsafeMutableBufferPointer<UInt32>,
        _ logits: UnsafeBufferPointer<Float>,
        from start: Int
    ) {
        func precedes(_ a: UInt32, _ b: UInt32) -> Bool {
            let (x, y) = (logits[Int(a)], logits[Int(b)])
            return x != y ? x > y : a < b
        }
        let moved = ids[start]
        var parent = start
        while 2 * parent + 1 < ids.count {
            var child = 2 * parent + 1
            if child + 1 < ids.count, precedes(ids[child + 1], ids[child]) { child += 1 }
            guard precedes(ids[child], moved) else { break }
            ids[parent] = ids[child]
            parent = child
        }
        ids[parent] = moved
    }
}
