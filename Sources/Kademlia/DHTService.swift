internal import KademliaCore
internal import Logging
internal import NIOCore
internal import P2PCore
internal import P2PWire

/// The two ends of a stream of the protocol.
extension DHT {
    // MARK: Serving

    /// Answers the requests of one inbound stream, as many as come: go-libp2p keeps its streams, others open one for
    /// each.
    ///
    /// - Throws: What resets the stream: silence, bytes that are no request, or a request that is refused.
    nonisolated func serve(_ stream: PeerStream) async throws {
        while let frame = try await self.nextRequest(of: stream) {
            switch await self.reply(to: try Message(bytes: frame), from: stream.remotePeer) {
            case .answer(let answer):
                // A peer that takes no answers asks no more questions.
                try await withDeadline(Limits.streamIdle, "an answer to \(stream.remotePeer)") {
                    () async throws(P2PError) in
                    try await stream.writeFrame(answer.encoded())
                }
            case .silence:
                break
            case .reset(let error):
                self.host.configuration.logger.debug(
                    "a request is refused",
                    metadata: ["peer": "\(stream.remotePeer)", "reason": "\(error.message)"]
                )
                throw error
            }
        }
    }

    /// The next request, or nil when the peer has ended its direction.
    private nonisolated func nextRequest(of stream: PeerStream) async throws(P2PError) -> ByteBuffer? {
        do throws(P2PError) {
            return try await withDeadline(Limits.streamIdle, "the next request of \(stream.remotePeer)") {
                () async throws(P2PError) in
                try await stream.readFrame(limit: KademliaCore.Limits.messageSize)
            }
        } catch {
            guard error.code == .unexpectedEnd else { throw error }
            return nil
        }
    }

    private func reply(to request: Message, from sender: PeerID) -> Node.Reply {
        self.node.addresses = self.host.listenAddresses
        return self.node.received(
            request,
            from: sender,
            target: self.connectedPeer(request),
            now: .now(),
            using: &self.generator
        )
    }

    /// The peer that a FIND_NODE asks for, when we are connected to it: a client is in nobody's routing table.
    private func connectedPeer(_ request: Message) -> PeerInfo? {
        guard request.kind == .findNode, let id = try? PeerID(bytes: request.key) else { return nil }
        let addresses = self.host.addresses(of: id)
        return addresses.isEmpty ? nil : PeerInfo(id: id, addresses: addresses)
    }

    // MARK: Asking

    /// Sends one request on a stream of its own and waits for the answer.
    nonisolated func ask(_ request: Message, of peer: PeerInfo) async throws(P2PError) -> Message {
        try await withDeadline(Limits.requestTimeout, "a request to \(peer.id)") { () async throws(P2PError) in
            let stream = try await self.host.openStream(self.protocolID, to: peer)
            try await stream.writeFrame(request.encoded())
            let frame = try await stream.readFrame(limit: KademliaCore.Limits.messageSize)
            await stream.close()
            do throws(KademliaError) {
                return try Message(bytes: frame)
            } catch {
                throw P2PError(.malformed, "\(peer.id) answered with bad bytes: \(error.message)")
            }
        }
    }

    /// Sends an ADD_PROVIDER, which has no answer: a peer that takes it closes the stream, one that refuses it resets
    /// it.
    nonisolated func tell(_ announcement: Message, to peer: PeerInfo) async throws(P2PError) {
        let stream = try await withDeadline(Limits.requestTimeout, "an announcement to \(peer.id)") {
            () async throws(P2PError) in
            let stream = try await self.host.openStream(self.protocolID, to: peer)
            try await stream.writeFrame(announcement.encoded())
            try await stream.closeWrite()
            return stream
        }
        do throws(P2PError) {
            _ = try await withDeadline(Limits.acknowledgementTimeout, "the end of an announcement") {
                () async throws(P2PError) in try await stream.read()
            }
        } catch {
            // Some keep the stream open for more; that is no refusal.
            guard error.code == .timedOut else { throw error }
        }
    }
}
