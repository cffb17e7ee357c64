package import NIOCore

/// Decides when a silent connection is asked for a sign of life and when it is given up.
///
/// Any byte counts as a sign: under load an answer may wait behind a tensor while data keeps arriving.
package struct Keepalive: Equatable, Sendable {
    private enum State: Equatable {
        case listening(since: NIODeadline)
        case asked(NIODeadline)
    }

    private let idle: TimeAmount
    private let patience: TimeAmount
    private var state: State

    /// - Parameters:
    ///   - idle: How long a connection may be silent before a ping.
    ///   - patience: How long the answer may take.
    package init(idle: TimeAmount, patience: TimeAmount, at now: NIODeadline) {
        self.idle = idle
        self.patience = patience
        self.state = .listening(since: now)
    }

    package mutating func received(at now: NIODeadline) {
        self.state = .listening(since: now)
    }

    package enum DeadlineAction: Equatable {
        /// Nothing is due before then.
        case wait(until: NIODeadline)
        /// Send a ping, and look again then.
        case ping(until: NIODeadline)
        /// The remote is gone: close the connection.
        case giveUp
    }

    package mutating func hitDeadline(at now: NIODeadline) -> DeadlineAction {
        switch self.state {
        case .listening(let since):
            guard now >= since + self.idle else { return .wait(until: since + self.idle) }
            self.state = .asked(now)
            return .ping(until: now + self.patience)
        case .asked(let asked):
            guard now >= asked + self.patience else { return .wait(until: asked + self.patience) }
            return .giveUp
        }
    }
}
