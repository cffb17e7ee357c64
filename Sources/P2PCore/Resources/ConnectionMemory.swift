import P2PWire

/// The memory of one connection: the windows that its remote may fill, and what waits for the remote to read it.
///
/// It stays on the connection's event loop and asks the host's books only for a step at a time, so that a stream or a
/// frame costs a comparison.
struct ConnectionMemory {
    private let reservation: Reservation
    private var covered = Limits.connectionMemory

    /// - Parameter reservation: The connection's own, with ``Limits/connectionMemory`` in it.
    init(_ reservation: Reservation) {
        self.reservation = reservation
    }

    /// Makes sure that there is room for all that the streams hold.
    ///
    /// - Throws: `limitReached`, naming the scope that is full.
    mutating func cover(_ heldBytes: Int, isOptional: Bool = false) throws(P2PError) {
        let needed = heldBytes + Limits.connectionOverhead
        guard needed > self.covered else { return }
        let steps = (needed + Limits.memoryStep - 1) / Limits.memoryStep
        try self.resize(to: steps * Limits.memoryStep, isOptional: isOptional)
    }

    /// Lets the windows grow when they want to, if there is memory for it; they stay as they are otherwise.
    mutating func grow(_ budget: inout WindowBudget, heldBytes: Int) {
        guard budget.shortage > 0 else { return }
        let step = min(max(budget.shortage, Limits.windowStep), P2PWire.Limits.windowGrowth - budget.granted)
        guard step > 0, (try? self.cover(heldBytes + Int(step), isOptional: true)) != nil else { return }
        budget.grant(step)
    }

    /// No stream is left.
    mutating func shrink() {
        guard self.covered > Limits.connectionMemory else { return }
        // Less is never refused.
        try? self.resize(to: Limits.connectionMemory, isOptional: false)
    }

    private mutating func resize(to byteCount: Int, isOptional: Bool) throws(P2PError) {
        try self.reservation.update { ledger, claim throws(ResourceRefusal) in
            try ledger.resize(&claim, toBytes: byteCount, isOptional: isOptional)
        }
        self.covered = byteCount
    }
}
