internal import P2PWire
internal import ShardProtocol
internal import SwarmCore

/// Pushes, as `InferenceStreamService` and `PushDesk` take them and send them on.
extension SimulatedServer {
    /// The stream of a session: it lasts as long as the connection on which its coordinator opened it.
    struct SessionStream: Sendable {
        let link: Link
        let connection: Int
        /// From whom steps are taken beside the coordinator.
        var predecessor: PeerID?
        /// Where they go on to; nil also where that is known to be broken.
        var edge: Edge?
    }

    /// The way to the next hop, over a connection of this server's.
    struct Edge: Sendable {
        let link: Link
        let connection: Int
        let target: SimulatedTarget
        /// The order that opened it, which is answered again when it breaks.
        let opening: OpeningID
    }

    /// A coordinator sends something of a session over a connection: a stream on an earlier one is over.
    mutating func use(_ key: SessionKey, over link: Link, _ connection: Int) {
        guard self.streams[key]?.connection != connection else { return }
        self.streams[key] = SessionStream(link: link, connection: connection)
    }

    /// A connection of a coordinator's is gone, and what was opened on it.
    mutating func endStreams(over link: Link, upTo connection: Int) {
        for (key, stream) in self.streams where stream.link == link && stream.connection <= connection {
            self.streams[key] = nil
        }
    }

    /// Ways have broken, of which their coordinators are told.
    mutating func endEdges(where isBroken: (SessionKey, Edge) -> Bool) -> [Reply] {
        let broken = self.streams.compactMap { key, stream in
            stream.edge.flatMap { isBroken(key, $0) ? (key: key, stream: stream, edge: $0) : nil }
        }
        return broken.sorted { $0.edge.opening < $1.edge.opening }.map { key, stream, edge in
            self.streams[key]?.edge = nil
            return Reply(
                link: stream.link,
                connection: stream.connection,
                message: .opened(edge.opening, isOpen: false)
            )
        }
    }

    /// Another hop sends a step of a session.
    mutating func received(_ push: PushMessage, from peer: PeerID, over link: Link, _ connection: Int, now: Instant)
        -> [Reply]
    {
        let key = SessionKey(peer: push.coordinator, session: push.step.session)
        guard let stream = self.streams[key], stream.predecessor == peer else {
            return [Reply(link: link, connection: connection, message: .refusedPush(key))]
        }
        guard !push.isGarbage else {
            let answer = Self.answer(to: push.step, .refused(.badTensor, retryAfter: nil))
            return [Reply(link: stream.link, connection: stream.connection, message: .answer(answer))]
        }
        return self.received(push.step, of: key.peer, over: stream.link, stream.connection, now: now)
    }

    // MARK: Sending on

    /// Sends on what a step gave, where its coordinator says so; false where it cannot.
    mutating func pushOn(_ rows: [UInt64], of waiter: Waiter, _ replies: inout [Reply]) -> Bool {
        guard let details = waiter.message.details, let number = details.pushes.first else { return true }
        guard let edge = self.streams[waiter.key]?.edge else { return false }
        var next = waiter.message
        next.attempt = nil
        next.session = edge.target.session
        next.rows = ToyRows(values: rows)
        next.details?.number = number
        next.details?.blocks = edge.target.blocks
        next.details?.maximumTokens = edge.target.maximumTokens
        next.details?.pushes.removeFirst()
        next.details?.refusesPushes = false
        let push = PushMessage(coordinator: waiter.key.peer, step: next)
        let pushes = self.liedAbout(push, over: edge, of: waiter.key)
        replies += pushes.map { Reply(link: edge.link, connection: edge.connection, message: .push($0)) }
        return true
    }

    /// A number that no step of the session will have: the answer to another step would be one with other numbers, and nobody
    /// could tell. For the same reason what is pushed once more goes no further than to the next hop.
    private static func wild(_ number: UInt32, _ variation: Int) -> UInt32 { number + 1024 << (variation % 20) }

    /// What is sent in place of a push: itself, unless this is a liar.
    private mutating func liedAbout(_ push: PushMessage, over edge: Edge, of key: SessionKey) -> [PushMessage] {
        guard let lie = self.properties.lie, let details = push.step.details else { return [push] }
        let last = self.lastPushes[key]?.push
        if details.isCertain { self.lastPushes[key] = (edge, push) }
        var other = push
        switch lie {
        case .pushesNothing: return []
        case .pushesTwice: return [push, push]
        case .pushesHighNumbers:
            other.step.details?.number = Self.wild(details.number, push.step.position)
            return details.isCertain ? [other] : [push]
        case .pushesWildPositions:
            // Behind what any session holds: in another place, right rows would be wrong ones.
            other.step.position += SimulatedServer.contextLength << (push.step.position % 40)
            return [other]
        case .pushesOldSteps:
            guard var old = last else { return [push] }
            let isWild = push.step.position % 3 == 0
            old.step.details?.number = isWild ? Self.wild(details.number, push.step.position) : details.number
            old.step.details?.rollback = true
            old.step.details?.pushes = []
            return [push, old]
        case .pushesShapes:
            // Fewer logits than are wanted would be wrong ones, and nobody could tell.
            if push.step.logits == .last || push.step.rows.tokenCount == 1 {
                other.isGarbage = true
            } else {
                other.step.rows.values.removeLast()
            }
            return [other]
        case .pushesAfterwards, .blocks, .speed, .refuses, .turns, .garbage, .silence, .leaving, .weights, .times:
            return [push]
        }
    }

    /// Its session is over, perhaps because another has it now; it goes on pushing.
    mutating func pushAfterwards(_ key: SessionKey) -> [Reply] {
        guard self.properties.lie == .pushesAfterwards, let (edge, push) = self.lastPushes[key] else { return [] }
        return (0..<4).map { number in
            var old = push
            old.step.details?.number = Self.wild(push.step.details?.number ?? 0, number * 5)
            old.step.details?.rollback = true
            old.step.details?.pushes = []
            return Reply(link: edge.link, connection: edge.connection, message: .push(old))
        }
    }
}
