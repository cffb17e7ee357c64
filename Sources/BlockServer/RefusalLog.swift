internal import P2PWire
internal import ShardProtocol

/// Which refusals are worth a line in the log: one of each peer and code a minute, and no more than ``Limits/loggedRefusals`` of
/// all together, so that nobody fills a disk by asking for what it cannot have.
///
/// A value: refusals go in, with the time; whether to tell of them comes out. It remembers no more than it told.
struct RefusalLog: Sendable {
    private struct Source: Hashable {
        let peer: PeerID
        let code: ReplyCode
    }

    /// What was told within the last ``Limits/refusalTime``, and when.
    private var told: [Source: ContinuousClock.Instant] = [:]
    /// Refusals since the last line that were not told.
    private var leftOut = 0

    /// Sources that it remembers, at most ``Limits/loggedRefusals``.
    var count: Int { self.told.count }

    /// A request of `peer` was refused.
    ///
    /// - Returns: how many others were left out before it, for its line; nil where it is left out, too.
    mutating func refused(_ peer: PeerID, _ code: ReplyCode, now: ContinuousClock.Instant) -> Int? {
        let source = Source(peer: peer, code: code)
        if self.told.count >= Limits.loggedRefusals { self.forget(now) }
        let wasTold = self.told[source].map { $0.duration(to: now) < Limits.refusalTime } ?? false
        guard !wasTold, self.told.count < Limits.loggedRefusals else {
            self.leftOut += 1
            return nil
        }
        self.told[source] = now
        return self.takeLeftOut()
    }

    /// How many were left out since the last line, once a while has passed without one; nil where there is nothing to tell.
    mutating func quiet(now: ContinuousClock.Instant) -> Int? {
        self.forget(now)
        guard self.told.isEmpty, self.leftOut > 0 else { return nil }
        return self.takeLeftOut()
    }

    private mutating func takeLeftOut() -> Int {
        defer { self.leftOut = 0 }
        return self.leftOut
    }

    private mutating func forget(_ now: ContinuousClock.Instant) {
        self.told = self.told.filter { $0.value.duration(to: now) < Limits.refusalTime }
    }
}

extension ReplyCode {
    /// Whether it tells of a request that should not have been made, or of a step that failed. The others are what a server
    /// that is busy, or coming and going, says to anybody.
    var isLogged: Bool {
        switch self {
        case .unknownSession, .gap, .staleStep, .wrongRange, .tooLarge, .badTensor, .badRequest, .notAllowed, .failed:
            true
        case .ok, .busy, .warmingUp, .draining, .unreachable, .cancelled:
            false
        }
    }
}
