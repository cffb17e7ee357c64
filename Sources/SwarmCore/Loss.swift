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
    /// It refused, failed, or answered nonsense, which another peer may not. That what it was asked for is wrong is its
    /// word alone: whoever lies could end any sequence by it.
    case unable
    /// What is to be done is wrong, or not wanted any more: nobody would do it.
    case fault

    package init(_ code: ReplyCode) {
        self =
            switch code {
            case .unknownSession, .gap, .staleStep: .forgotten
            case .draining: .leaving
            case .ok, .busy, .warmingUp, .wrongRange, .notAllowed, .cancelled, .failed, .unreachable, .tooLarge,
                .badTensor, .badRequest:
                .unable
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
