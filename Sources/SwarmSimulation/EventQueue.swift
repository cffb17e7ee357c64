/// What is going to happen, the earliest first; of what happens at one moment, what was scheduled first.
struct EventQueue<Event: Sendable>: Sendable {
    typealias Instant = ContinuousClock.Instant

    private struct Entry: Sendable {
        let time: Instant
        let order: UInt64
        let event: Event

        func precedes(_ other: Entry) -> Bool {
            self.time != other.time ? self.time < other.time : self.order < other.order
        }
    }

    /// A binary heap.
    private var entries: [Entry] = []
    private var nextOrder: UInt64 = 0

    var isEmpty: Bool { self.entries.isEmpty }

    mutating func schedule(_ event: Event, at time: Instant) {
        var child = self.entries.count
        self.entries.append(Entry(time: time, order: self.nextOrder, event: event))
        self.nextOrder += 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard self.entries[child].precedes(self.entries[parent]) else { return }
            self.entries.swapAt(child, parent)
            child = parent
        }
    }

    mutating func next() -> (time: Instant, event: Event)? {
        guard let last = self.entries.popLast() else { return nil }
        guard let first = self.entries.first else { return (last.time, last.event) }
        self.entries[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < self.entries.count {
                if self.entries[child].precedes(self.entries[least]) { least = child }
            }
            guard least != parent else { return (first.time, first.event) }
            self.entries.swapAt(parent, least)
            parent = least
        }
    }
}
