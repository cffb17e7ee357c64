package import NIOCore

/// The bytes that the remote may still send on one stream, and when to grant it more.
///
/// Credit returns only as the application consumes, so a slow reader slows its sender. It returns by half windows: a
/// stream that empties half of its window within ``patience`` may be waiting for credit, and its window doubles, out of a
/// budget that all streams of the connection share. The round trip is the least of the last ones: go-yamux goes by four
/// times the last one, which grows with the queue that the window itself makes.
///
/// A window that is emptied in two round trips holds four times what is on its way, which is enough anywhere; what it
/// holds beyond that waits in queues, and pings wait behind it. Only where a round trip is shorter than it takes to wake a
/// thread that does not go far enough, so up to 1 MiB a window may take eight. Over loopback 256 KiB carry 0.3 to 0.5 GB/s and
/// 1 MiB 1.5; 16 MiB carry 1.0, and pings wait three times as long.
package struct ReceiveWindow: Equatable, Sendable {
    /// What the remote may hold in flight or unread here, in bytes.
    package private(set) var size: UInt32
    private var credit: UInt32
    private var unread: UInt32 = 0
    private var lastGrant: NIODeadline?

    package init(size: UInt32 = Limits.initialWindow) {
        self.size = size
        self.credit = size
    }

    /// The remote announced a body of `byteCount` bytes.
    ///
    /// - Throws: `protocolViolation` when it was not granted that much; the session ends.
    package mutating func received(_ byteCount: UInt32) throws(WireError) {
        guard byteCount <= self.credit else {
            throw WireError(
                .protocolViolation,
                "the peer sent \(byteCount) bytes on a stream where it had credit for \(self.credit)"
            )
        }
        self.credit -= byteCount
        self.unread += byteCount
    }

    /// The application consumed `byteCount` bytes; returns the credit to grant, once that is worth a frame.
    package mutating func consumed(
        _ byteCount: Int,
        at now: NIODeadline,
        roundTrip: TimeAmount?,
        budget: inout WindowBudget
    ) -> UInt32? {
        self.unread -= min(self.unread, UInt32(clamping: byteCount))
        guard self.size - self.credit - self.unread >= self.size / 2 else { return nil }
        if let roundTrip, let lastGrant, now - lastGrant < self.patience(roundTrip) {
            self.size += budget.take(upTo: min(self.size, Limits.maximumWindow - self.size))
        }
        self.lastGrant = now
        let delta = self.size - self.credit - self.unread
        self.credit += delta
        return delta
    }

    /// How soon after a grant the next one shows that the window may be too small.
    private func patience(_ roundTrip: TimeAmount) -> TimeAmount {
        .nanoseconds((self.size < Limits.readilyGrownWindow ? 8 : 2) * roundTrip.nanoseconds)
    }
}

/// What the windows of one connection may grow by, all together.
package struct WindowBudget: Equatable, Sendable {
    /// All that was granted, whether windows have grown by it or not.
    package private(set) var granted: UInt32
    /// What windows would have grown by if there had been more: worth asking for.
    package private(set) var shortage: UInt32 = 0
    private var remaining: UInt32

    package init(_ byteCount: UInt32 = Limits.windowGrowth) {
        self.granted = byteCount
        self.remaining = byteCount
    }

    /// Lets the windows grow by that much more.
    package mutating func grant(_ byteCount: UInt32) {
        self.granted += byteCount
        self.remaining += byteCount
        self.shortage = 0
    }

    package mutating func take(upTo wanted: UInt32) -> UInt32 {
        let taken = min(wanted, self.remaining)
        self.remaining -= taken
        self.shortage = wanted - taken
        return taken
    }

    /// A stream ended: what its window had grown by is free again.
    mutating func giveBack(_ window: ReceiveWindow) {
        self.remaining += window.size - min(window.size, Limits.initialWindow)
    }
}
