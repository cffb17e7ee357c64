/// The tokens of a vocabulary, handed out by (logit descending, id ascending).
///
/// A binary heap over ids: a nucleus is usually a few dozen tokens, so building it in O(n) and popping those is far
/// cheaper than sorting a vocabulary of 150,000 at each step.
struct CandidateHeap {
    private let logits: [Float]
    private var ids: [UInt32]

    init(logits: [Float]) {
        self.logits = logits
        self.ids = Array(0..<UInt32(logits.count))
        for parent in stride(from: self.ids.count / 2 - 1, through: 0, by: -1) { self.siftDown(from: parent) }
    }

    /// The largest logit left; −∞ when none is.
    var peakLogit: Float {
        self.ids.first.map { self.logits[Int($0)] } ?? -.infinity
    }

    mutating func pop() -> (token: UInt32, logit: Float)? {
        guard let top = self.ids.first else { return nil }
        let last = self.ids.removeLast()
        if !self.ids.isEmpty {
            self.ids[0] = last
            self.siftDown(from: 0)
        }
        return (top, self.logits[Int(top)])
    }

    private func precedes(_ a: UInt32, _ b: UInt32) -> Bool {
        let (x, y) = (self.logits[Int(a)], self.logits[Int(b)])
        return x != y ? x > y : a < b
    }

    private mutating func siftDown(from start: Int) {
        var parent = start
        while true {
            var first = parent
            let (left, right) = (2 * parent + 1, 2 * parent + 2)
            if left < self.ids.count, self.precedes(self.ids[left], self.ids[first]) { first = left }
            if right < self.ids.count, self.precedes(self.ids[right], self.ids[first]) { first = right }
            if first == parent { return }
            self.ids.swapAt(parent, first)
            parent = first
        }
    }
}
