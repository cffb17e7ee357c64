import P2PWire

/// A dial under way, and everybody who waits for it: however many ask for one peer, it is dialed once.
struct PendingDial {
    typealias Waiter = CheckedContinuation<Result<Connection, P2PError>, Never>

    private(set) var waiters: [UInt64: Waiter] = [:]

    mutating func add(_ waiter: Waiter, id: UInt64) {
        self.waiters[id] = waiter
    }

    mutating func remove(_ id: UInt64) -> Waiter? {
        self.waiters.removeValue(forKey: id)
    }
}
