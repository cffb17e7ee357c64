import NIOCore
public import P2PWire

/// `/ipfs/ping/1.0.0`: whether a peer is alive, and how far away (libp2p specification, ping).
extension Host {
    func installPing() {
        self.handle(Ping.protocolID, limit: Limits.pingStreams, limitPerPeer: Limits.pingStreamsPerPeer) { stream in
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
