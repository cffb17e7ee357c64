import NIOCore
public import P2PWire
import Synchronization

/// `/ipfs/ping/1.0.0`: whether a peer is alive, and how far away (libp2p specification, ping).
extension Host {
    func installPing() {
        let streams = PerPeerCount(limit: Limits.pingStreamsPerPeer)
        self.handle(Ping.protocolID, limit: Limits.pingStreams) { stream in
            guard streams.enter(stream.remotePeer) else {
                throw P2PError(.limitReached, "\(stream.remotePeer) holds \(streams.limit) ping streams already")
            }
            defer { streams.leave(stream.remotePeer) }
            // Every byte goes back, so it does not matter how the pings were split on their way.
            while let bytes = try await stream.read() { try await stream.write(bytes) }
        }
    }

    /// The round-trip time to a connected peer.
    ///
    /// - Throws: `timedOut` when no answer comes, `malformed` when a wrong one does.
    public func ping(_ peer: PeerID) async throws(P2PError) -> Duration {
        try await withDeadline(self.configuration.timeouts.ping, "the ping of \(peer)") { () async throws(P2PError) in
            let stream = try await self.openStream(Ping.protocolID, to: PeerInfo(id: peer, addresses: []))
            let payload = ByteBuffer(bytes: Ping.payload())
            let start = ContinuousClock.now
            try await stream.write(payload)
            let echo = try await stream.read(exactly: Ping.payloadLength)
            let roundTrip = ContinuousClock.now - start
            await stream.close()
            guard echo == payload else {
                throw P2PError(.malformed, "\(peer) answered a ping with other bytes than were sent")
            }
            return roundTrip
        }
    }
}

/// How many of something each peer holds, at most `limit`.
private final class PerPeerCount: Sendable {
    let limit: Int
    private let counts = Mutex<[PeerID: Int]>([:])

    init(limit: Int) {
        self.limit = limit
    }

    func enter(_ peer: PeerID) -> Bool {
        self.counts.withLock { counts in
            let count = counts[peer] ?? 0
            guard count < self.limit else { return false }
            counts[peer] = count + 1
            return true
        }
    }

    func leave(_ peer: PeerID) {
        self.counts.withLock { counts in
            let count = counts[peer] ?? 0
            counts[peer] = count > 1 ? count - 1 : nil
        }
    }
}
