/// What a span is given: token ids or activations, one row for each token.
package protocol SpanPayload: Sendable {
    var tokenCount: Int { get }
    /// What it takes to keep.
    var byteCount: Int { get }

    /// The rows of `range`, counted from this payload's first.
    func rows(_ range: Range<Int>) -> Self

    /// The rows of all of these, one after another; at least one is given.
    static func joined(_ payloads: [Self]) -> Self
}

/// Everything that a span of a sequence was given, so that another peer can be given the same.
///
/// Positions are tokens of the sequence.
package struct SpanLog<Payload: SpanPayload>: Sendable {
    private struct Entry: Sendable {
        var start: Int
        var payload: Payload

        var end: Int { self.start + self.payload.tokenCount }
    }

    private var entries: [Entry] = []
    /// The first position that is kept; 0 unless something was forgotten.
    package private(set) var start = 0
    /// The position after the last.
    package private(set) var end = 0
    /// What the payloads take.
    package private(set) var byteCount = 0

    package init() {}

    /// Whether it reaches back to the beginning of the sequence.
    package var isWhole: Bool { self.start == 0 }

    package mutating func append(_ payload: Payload) {
        self.entries.append(Entry(start: self.end, payload: payload))
        self.end += payload.tokenCount
        self.byteCount += payload.byteCount
    }

    /// Appends those rows of `payload`, which begins at `position`, that are not known yet.
    package mutating func append(_ payload: Payload, at position: Int) {
        precondition(position <= self.end, "a log has no gaps")
        if self.end == position {
            self.append(payload)
        } else if self.end < position + payload.tokenCount {
            self.append(payload.rows(self.end - position..<payload.tokenCount))
        }
    }

    /// Forgets what comes from `position` on.
    package mutating func cut(to position: Int) {
        while let last = self.entries.last, last.end > position {
            self.entries.removeLast()
            self.byteCount -= last.payload.byteCount
            guard last.start < position else { continue }
            let kept = Entry(start: last.start, payload: last.payload.rows(0..<position - last.start))
            self.entries.append(kept)
            self.byteCount += kept.payload.byteCount
        }
        self.end = min(self.end, position)
        self.start = min(self.start, self.end)
    }

    /// Forgets the payloads that end at `position` or before: what is left is not whole any more.
    package mutating func forget(before position: Int) {
        let count = self.entries.prefix { $0.end <= position }.count
        guard count > 0 else { return }
        self.byteCount -= self.entries.prefix(count).reduce(0) { $0 + $1.payload.byteCount }
        self.entries.removeFirst(count)
        self.start = self.entries.first?.start ?? self.end
    }

    /// What was given for the tokens of `range`, which must be kept, as one payload.
    package func payload(_ range: Range<Int>) -> Payload {
        // What every step of an undisturbed sequence asks for.
        if let last = self.entries.last, last.start == range.lowerBound, last.end == range.upperBound {
            return last.payload
        }
        let pieces = self.entries[self.index(of: range.lowerBound)...].prefix { $0.start < range.upperBound }.map {
            let rows = max(range.lowerBound, $0.start) - $0.start..<min(range.upperBound, $0.end) - $0.start
            return rows == 0..<$0.payload.tokenCount ? $0.payload : $0.payload.rows(rows)
        }
        return pieces.count == 1 ? pieces[0] : .joined(pieces)
    }

    /// The entry that holds `position`.
    private func index(of position: Int) -> Int {
        var (low, high) = (0, self.entries.count)
        while low < high {
            let middle = (low + high) / 2
            if self.entries[middle].end <= position { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
