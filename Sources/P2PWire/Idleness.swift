package import NIOCore

/// Decides when a connection that carries no stream is closed. However often its last stream ends, one timer suffices.
package struct Idleness: Equatable, Sendable {
    private let limit: TimeAmount
    private var since: NIODeadline?
    private var isTimed = false

    package init(limit: TimeAmount) {
        self.limit = limit
    }

    /// A stream was opened.
    package mutating func ended() {
        self.since = nil
    }

    /// No stream is left; returns when to look again, unless that is arranged already.
    package mutating func began(at now: NIODeadline) -> NIODeadline? {
        guard self.since == nil else { return nil }
        self.since = now
        guard !self.isTimed else { return nil }
        self.isTimed = true
        return now + self.limit
    }

    package enum DeadlineAction: Equatable {
        /// It is in use; nothing is due.
        case none
        /// It has not been idle for long enough; look again then.
        case wait(until: NIODeadline)
        case close
    }

    package mutating func hitDeadline(at now: NIODeadline) -> DeadlineAction {
        self.isTimed = false
        guard let since else { return .none }
        guard now < since + self.limit else { return .close }
        self.isTimed = true
        return .wait(until: since + self.limit)
    }
}
