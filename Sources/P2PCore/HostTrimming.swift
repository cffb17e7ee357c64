import Logging
import NIOCore
public import P2PWire
import Synchronization

extension Host {
    /// Keeps the connections to a peer when others are given up for room, until ``unprotect(_:tag:)`` with the same tag:
    /// each part of a program that needs the peer has its own tag.
    public func protect(_ peer: PeerID, tag: String) {
        self.state.withLock { _ = $0.protections[peer, default: []].insert(tag) }
    }

    /// Withdraws one tag; without any the peer is like others.
    public func unprotect(_ peer: PeerID, tag: String) {
        self.state.withLock { state in
            state.protections[peer]?.remove(tag)
            if state.protections[peer]?.isEmpty == true { state.protections[peer] = nil }
        }
    }

    /// Makes room when there is nearly none left for connections.
    func trimConnections() {
        let now = NIODeadline.now()
        let limits = self.configuration.limits
        let trimming = ConnectionTrimming(bound: limits.system, grace: limits.trimmingGrace)
        let usage = self.book.usage(of: .system)
        guard trimming.isDue(usage) else { return }
        let connections = self.state.withLock { state -> [(connection: Connection, isProtected: Bool)]? in
            // Looking at all of them for each that comes would cost a flood nothing and this host much.
            guard now >= state.nextTrimming else { return nil }
            state.nextTrimming = now + TimeAmount(clamping: Limits.trimmingPause)
            return state.connections.values.joined().map { ($0, state.protections[$0.peer] != nil) }
        }
        guard let connections else { return }
        let candidates = connections.map { connection, isProtected in
            ConnectionTrimming.Candidate(
                number: connection.number,
                direction: connection.direction,
                openedAt: connection.openedAt,
                silence: connection.lastFrameAge,
                streamCount: self.book.usage(of: .connection(connection.number)).total.streams,
                isProtected: isProtected
            )
        }
        let chosen = Set(trimming.choose(candidates, usage: usage, at: now))
        for (connection, _) in connections where chosen.contains(connection.number) {
            connection.closeIfIdle()
        }
        self.configuration.logger.debug(
            "gave up idle connections",
            metadata: ["count": "\(chosen.count)", "connections": "\(usage.total.connections)"]
        )
    }
}
