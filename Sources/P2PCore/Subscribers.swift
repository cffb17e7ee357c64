/// Those who listen to a host's events; each has a bounded queue of its own.
struct Subscribers {
    private var continuations: [UInt64: AsyncStream<HostEvent>.Continuation] = [:]
    private var nextID: UInt64 = 0

    mutating func add(_ continuation: AsyncStream<HostEvent>.Continuation) -> UInt64 {
        defer { self.nextID += 1 }
        self.continuations[self.nextID] = continuation
        return self.nextID
    }

    mutating func remove(_ id: UInt64) {
        self.continuations[id] = nil
    }

    func send(_ event: HostEvent) {
        for continuation in self.continuations.values { continuation.yield(event) }
    }

    mutating func finish() -> [AsyncStream<HostEvent>.Continuation] {
        defer { self.continuations.removeAll() }
        return Array(self.continuations.values)
    }
}
