import Logging
import NIOCore
package import P2PWire
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// `/ipfs/id/1.0.0` and its push: every host asks a peer who it is as soon as a connection stands, answers the same
/// question, and tells its peers when its protocols change (libp2p specification, identify).
extension Host {
    func installIdentify() {
        self.handle(.identify, limit: Limits.identifyStreams, limitPerPeer: Limits.identifyStreamsPerPeer) {
            [weak self] stream in
            guard let self else { return }
            try await stream.write(self.identifyMessage(to: stream.remoteAddress).framed())
        }
        self.handle(.identifyPush, limit: Limits.identifyStreams, limitPerPeer: Limits.identifyStreamsPerPeer) {
            [weak self] stream in
            guard let self else { return }
            let limit = self.configuration.timeouts.identify
            let message = try await withDeadline(limit, "the push of \(stream.remotePeer)") {
                () async throws(P2PError) in
                try await self.readIdentify(from: stream)
            }
            try self.learn(message, from: stream.remotePeer)
        }
    }

    /// Asks the peer of a new connection who it is. Without an answer the peer stays, unidentified.
    func identify(_ connection: Connection) {
        // A host too busy to ask leaves the peer unidentified, too.
        _ = self.submit(
            .service { [weak self] in
                do {
                    let message = try await self?.requestIdentify(over: connection)
                    if let message { try self?.learn(message, from: connection.peer) }
                } catch {
                    self?.configuration.logger.debug(
                        "a peer did not identify itself",
                        metadata: ["peer": "\(connection.peer)", "error": "\(error)"]
                    )
                }
            }
        )
    }

    /// What a connected peer tells of itself, once it has.
    ///
    /// - Throws: `timedOut` when it says nothing in the time that Identify has, `connectionLost` when it leaves.
    package func awaitIdentification(of peer: PeerID) async throws(P2PError) -> Identification {
        let events = self.events
        if let known = self.identification(of: peer) { return known }
        return try await withDeadline(self.configuration.timeouts.identify, "Identify of \(peer)") {
            () async throws(P2PError) in
            for await event in events {
                if event == .disconnected(peer) { break }
                if event == .identified(peer), let known = self.identification(of: peer) { return known }
            }
            throw P2PError(.connectionLost, "\(peer) left without saying what it is")
        }
    }

    /// Replaces the addresses at which others have reached this host beside those that it is bound to; peers hear of it.
    func setExternalAddresses(_ addresses: [Multiaddr]) {
        let isNew = self.state.withLock { state in
            let external = addresses.filter { !state.listenAddresses.contains($0) }
            defer { state.externalAddresses = external }
            return state.externalAddresses != external
        }
        if isNew { self.announceProtocols() }
    }

    /// Tells connected peers, soon, that the protocols served here have changed.
    func announceProtocols() {
        let isFirst = self.state.withLock { state in
            guard case .started = state.phase, !state.isAnnouncing, !state.connections.isEmpty else { return false }
            state.isAnnouncing = true
            return true
        }
        guard isFirst else { return }
        let isSubmitted = self.submit(
            .service { [weak self] in
                guard let self else { return }
                // Services register their protocols one after the other; peers hear of them together.
                try? await Task.sleep(for: self.configuration.timeouts.announcement)
                self.state.withLock { $0.isAnnouncing = false }
                await self.pushIdentify()
            }
        )
        if !isSubmitted { self.state.withLock { $0.isAnnouncing = false } }
    }

    private func pushIdentify() async {
        let peers = self.connectedPeers.filter { peer in
            self.identification(of: peer)?.protocols.contains(.identifyPush) ?? false
        }
        await withDiscardingTaskGroup { group in
            for peer in peers {
                group.addTask {
                    // A peer that does not take the push learns of the change when it next asks.
                    try? await self.pushIdentify(to: peer)
                }
            }
        }
    }

    private func pushIdentify(to peer: PeerID) async throws(P2PError) {
        try await withDeadline(self.configuration.timeouts.identify, "telling \(peer) what is served here") {
            () async throws(P2PError) in
            let stream = try await self.openStream(.identifyPush, to: PeerInfo(id: peer, addresses: []))
            try await stream.write(self.identifyMessage(to: stream.remoteAddress).framed())
            await stream.close()
        }
    }

    private func requestIdentify(over connection: Connection) async throws(P2PError) -> IdentifyMessage {
        try await withDeadline(self.configuration.timeouts.identify, "Identify of \(connection.peer)") {
            () async throws(P2PError) in
            // Every peer speaks it: no need to wait for its consent.
            let stream = try await connection.openStream(.identify, lazily: true)
            let message = try await self.readIdentify(from: stream)
            await stream.close()
            return message
        }
    }

    private func readIdentify(from stream: PeerStream) async throws(P2PError) -> IdentifyMessage {
        var reader = IdentifyReader()
        while let bytes = try await stream.read() {
            do throws(WireError) { try reader.received(bytes) } catch { throw P2PError(stream: error) }
        }
        do throws(WireError) { return try reader.finish() } catch { throw P2PError(stream: error) }
    }

    private func learn(_ message: IdentifyMessage, from peer: PeerID) throws(P2PError) {
        do throws(WireError) {
            if var known = self.identification(of: peer) {
                try known.update(with: message, from: peer)
                self.store(known, of: peer)
            } else {
                self.store(try Identification(message, from: peer), of: peer)
            }
        } catch {
            throw P2PError(stream: error)
        }
    }

    /// What this host says of itself to whoever it sees at `remoteAddress`.
    package func identifyMessage(to remoteAddress: Multiaddr) -> IdentifyMessage {
        let identity = self.configuration.identity
        let addresses = Array(self.listenAddresses.prefix(Limits.announcedAddresses))
        let record = PeerRecord(peerID: identity.peerID, sequence: unixNanoseconds(), addresses: addresses)
        return IdentifyMessage(
            publicKey: identity.publicKey.protobuf,
            listenAddresses: addresses,
            protocols: self.protocols,
            observedAddress: remoteAddress,
            protocolVersion: "ipfs/0.1.0",
            agentVersion: self.configuration.agentVersion,
            signedPeerRecord: record.seal(by: identity).bytes
        )
    }
}

/// The time of day, which go-libp2p also numbers its records with: a restarted peer's records stay the newest.
func unixNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return UInt64(max(0, time.tv_sec)) * 1_000_000_000 + UInt64(max(0, time.tv_nsec))
}
