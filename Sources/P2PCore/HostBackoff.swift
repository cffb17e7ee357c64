import NIOCore
import P2PWire
import Synchronization

/// What a host remembers of dials that failed.
extension Host {
    /// Those of a peer's addresses that may be dialled now.
    ///
    /// - Throws: `backedOff`, saying for how long, when there are none.
    func ready(_ addresses: ArraySlice<Multiaddr>, of peer: PeerID) throws(P2PError) -> ArraySlice<Multiaddr> {
        let now = NIODeadline.now()
        let (all, each) = self.backoff.withLock { backoff in
            (backoff.wait(for: .peer(peer), at: now), addresses.map { backoff.wait(for: peer, at: $0, now) })
        }
        let ready = zip(addresses, each).filter { $0.1 == nil }.map(\.0)
        guard let wait = all ?? (ready.isEmpty ? each.compactMap { $0 }.min() : nil) else { return ready[...] }
        throw P2PError(
            .backedOff,
            "\(peer) could not be reached lately; it may be dialed again in \(wait.formatted), or at once by hand"
        )
    }

    /// Remembers how a dial of one address ended.
    func noteDial(of peer: PeerID, at address: Multiaddr, failedWith code: P2PError.Code?) {
        var random = SystemRandomNumberGenerator()
        self.backoff.withLock { backoff in
            switch code {
            case nil:
                backoff.succeeded(.address(address))
                backoff.succeeded(.identity(peer, at: address))
            case .dialFailed, .timedOut:
                backoff.failed(.address(address), at: .now(), using: &random)
            case .wrongPeer, .handshakeFailed:
                backoff.failed(.identity(peer, at: address), at: .now(), using: &random)
            default:
                // This host, not the remote, ended it.
                break
            }
        }
    }

    /// Remembers that none of a peer's addresses led to it.
    func noteUnreachable(_ peer: PeerID, _ error: P2PError) {
        let itself: [P2PError.Code] = [.limitReached, .cancelled, .closed, .notAllowed, .banned, .backedOff]
        guard !itself.contains(error.code) else { return }
        var random = SystemRandomNumberGenerator()
        self.backoff.withLock { $0.failed(.peer(peer), at: .now(), using: &random) }
    }

    /// A connection to the peer is there, whoever began it.
    func noteReachable(_ peer: PeerID) {
        self.backoff.withLock { $0.succeeded(.peer(peer)) }
    }
}
