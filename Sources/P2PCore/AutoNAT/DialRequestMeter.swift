import NIOCore
import P2PWire

/// How many dial requests are answered: each is a dial that others ask for.
struct DialRequestMeter {
    private struct Request {
        var peer: PeerID
        var time: NIODeadline
    }

    /// Those of the last minute, the oldest first; at most ``Limits/dialRequestsPerMinute``.
    private var requests: [Request] = []
    private var foreignDials: [NIODeadline] = []
    /// Peers that wait for an answer.
    private var asking: Set<PeerID> = []

    /// Whether a request of `peer` is to be answered; if so, ``end(_:)`` is owed.
    mutating func begin(_ peer: PeerID, now: NIODeadline) -> Bool {
        self.requests.removeAll { now - $0.time >= .minutes(1) }
        guard self.requests.count < Limits.dialRequestsPerMinute,
            self.requests.count(where: { $0.peer == peer }) < Limits.dialRequestsPerMinuteOfPeer,
            self.asking.insert(peer).inserted
        else { return false }
        self.requests.append(Request(peer: peer, time: now))
        return true
    }

    mutating func end(_ peer: PeerID) { self.asking.remove(peer) }

    /// Whether one more address may be dialled that is not the asker's own.
    mutating func takeForeignDial(now: NIODeadline) -> Bool {
        self.foreignDials.removeAll { now - $0 >= .minutes(1) }
        guard self.foreignDials.count < Limits.foreignDialRequestsPerMinute else { return false }
        self.foreignDials.append(now)
        return true
    }
}
