/// Those who listen to a host's events; each has a bounded queue of its own.
struct Subscribers {
    private var continuations: [AsyncStream<HostEvent>.Continuation] = []

    mutating func add(_ continuation: AsyncStream<HostEvent>.Continuation) {
        self.continuations.append(continuation)
    }

    /// Tells everybody, and forgets those who have left.
    mutating func send(_ event: HostEvent) {
        self.continuations.removeAll { continuation in
            if case .terminated = continuation.yield(event) { true } else { false }
        }
    }

    /// Ends every subscription.
    mutating func finish() {
        for continuation in self.continuations { continuation.finish() }
        self.continuations = []
    }
}
