import P2PWire
import Synchronization

/// What a host does with the inbound streams of one protocol, and how many of them at once.
final class ProtocolHandler: Sendable {
    let protocolID: ProtocolID
    let limit: Int
    let limitPerPeer: Int
    let body: @Sendable (PeerStream) async throws -> Void
    private let permits = Mutex(Permits())

    private struct Permits {
        var taken = 0
        /// Only peers that have one.
        var byPeer: [PeerID: Int] = [:]
    }

    init(
        _ protocolID: ProtocolID,
        limit: Int,
        limitPerPeer: Int,
        body: @escaping @Sendable (PeerStream) async throws -> Void
    ) {
        self.protocolID = protocolID
        self.limit = limit
        self.limitPerPeer = limitPerPeer
        self.body = body
    }

    /// Takes one of the permits, which ``leave(_:)`` gives back.
    ///
    /// - Throws: `limitReached`, saying which of the two limits.
    func enter(_ peer: PeerID) throws(P2PError) {
        try self.permits.withLock { permits throws(P2PError) in
            let count = permits.byPeer[peer] ?? 0
            guard permits.taken < self.limit else {
                throw P2PError(.limitReached, "\(self.limit) streams of \(self.protocolID) are being served already")
            }
            guard count < self.limitPerPeer else {
                throw P2PError(.limitReached, "\(peer) has \(count) streams of \(self.protocolID) here already")
            }
            permits.taken += 1
            permits.byPeer[peer] = count + 1
        }
    }

    func leave(_ peer: PeerID) {
        self.permits.withLock { permits in
            let count = permits.byPeer[peer] ?? 0
            permits.taken -= 1
            permits.byPeer[peer] = count > 1 ? count - 1 : nil
        }
    }

    /// Serves one stream for which a permit was taken, and ends it: gracefully after success, by a reset after a failure.
    func serve(_ stream: PeerStream) async {
        defer { self.leave(stream.remotePeer) }
        do {
            try await self.body(stream)
            await stream.close()
        } catch {
            stream.reset()
        }
    }
}
