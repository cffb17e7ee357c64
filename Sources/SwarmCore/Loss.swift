package import ShardProtocol

/// Why a hop did not do what it was asked for.
package enum Loss: Hashable, Sendable {
    /// It cannot be reached, is silent, or its connection broke.
    case gone
    /// It shows signs of life, but its step takes far longer than its steps take.
    case late
    /// It has lost the session, or part of it: it may have it again from the beginning.
    case forgotten
    /// It is leaving.
    case leaving
    /// It refused, failed, or answered nonsense, which another peer may not.
    case unable
    /// What was asked for is wrong: nobody would do it.
    case fault

    package init(_ code: ReplyCode) {
        self =
            switch code {
            case .unknownSession, .gap, .staleStep: .forgotten
            case .draining: .leaving
            case .ok, .busy, .warmingUp, .wrongRange, .notAllowed, .cancelled, .failed, .unreachable: .unable
            case .tooLarge, .badTensor, .badRequest: .fault
            }
    }
}

extension Loss {
    /// Whether the peer is better left out for a while (``PeerBans``).
    package var isOfThePeer: Bool {
        switch self {
        case .gone, .late, .unable: true
        case .forgotten, .leaving, .fault: false
        }
    }
}
