import NIOCore
import NIOPosix
import P2PCore
import P2PWire

extension Checks {
    /// The peer names Yamux in its Noise payload, which saves the round trip of a negotiation.
    ///
    /// On a connection of its own, without a host: nobody but the handshake itself sees that list.
    func earlyMuxer() async throws {
        guard let endpoint = self.peer.addresses.first?.tcpEndpoint else {
            throw CheckFailure(description: "the check needs an address of IP and TCP")
        }
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: endpoint.hostName, port: Int(endpoint.port)) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        let remote = try await channel.executeThenClose { inbound, outbound in
            try await self.handshake(inbound, outbound)
        }
        guard remote.identity.peerID == self.peer.id else {
            throw CheckFailure(description: "\(remote.identity.peerID) answered instead of \(self.peer.id)")
        }
        guard remote.muxer == ConnectionUpgrade.muxer else {
            throw P2PError(.unsupportedProtocol, "the peer leaves the muxer to a negotiation after the handshake")
        }
    }

    /// What the listener proves in its only message, the second of three.
    private func handshake(
        _ inbound: NIOAsyncChannelInboundStream<ByteBuffer>,
        _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) async throws -> NoiseHandshake.Remote {
        var negotiation = MultistreamDialer(proposing: ConnectionUpgrade.security)
        var noise = NoiseHandshake(role: .dialer, identity: Identity(), muxers: [ConnectionUpgrade.muxer])
        var (received, reply) = (ByteBuffer(), ByteBuffer())
        negotiation.start(into: &reply)
        try noise.start(into: &reply)
        try await outbound.write(reply)
        for try await var bytes in inbound {
            received.writeBuffer(&bytes)
            guard try negotiation.receive(&received, reply: &reply) != nil else { continue }
            if let remote = try noise.receive(&received, reply: &reply) { return remote }
        }
        throw CheckFailure(description: "the peer hung up during the handshake")
    }
}
