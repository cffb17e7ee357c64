import NIOCore
import NIOPosix
public import P2PWire
import Synchronization

extension Host {
    /// Connects to whoever is at an address, however often that failed before.
    ///
    /// - Returns: who that is, as its key has proven.
    /// - Throws: `wrongPeer` when the address names another peer, `dialFailed`, `handshakeFailed`, `notAllowed`,
    ///   `timedOut`.
    public func dial(_ address: Multiaddr) async throws(P2PError) -> PeerID {
        if let peer = address.peerID {
            try await self.connect(to: PeerInfo(id: peer, addresses: [address]), ignoringBackoff: true)
            return peer
        }
        var failure: P2PError?
        for place in try await self.places(at: address) {
            do throws(P2PError) {
                // A name may have told who is there.
                if place.peerID != nil { return try await self.dial(place) }
                let connection = try await self.dial(place, expecting: nil)
                try await connection.waitUntilConfirmed()
                return connection.peer
            } catch {
                failure = error
            }
        }
        throw failure ?? P2PError(.dialFailed, "\(address) leads to no address")
    }

    /// Runs `body` on a connection to one address of a peer that is made for it, lent to nobody else, and closed after it.
    ///
    /// - Throws: what ``dial(_:)`` or `body` throws.
    func withSeparateConnection<Value: Sendable>(
        to peer: PeerID,
        at address: Multiaddr,
        _ body: (Connection) async throws(P2PError) -> Value
    ) async throws(P2PError) -> Value {
        let connection = try await self.dial(address, expecting: peer)
        self.state.withLock { $0.remove(connection) }
        do throws(P2PError) {
            let value = try await body(connection)
            await connection.close()
            return value
        } catch {
            await connection.close()
            throw error
        }
    }

    /// A connection that is there, or the one that the dial under way or a new one brings.
    func connection(
        to peer: PeerInfo,
        ignoringBackoff: Bool = false
    ) async throws(P2PError) -> Connection {
        if Task.isCancelled { throw .cancelled }
        if let connection = self.state.withLock({ $0.connection(to: peer.id) }) { return connection }
        guard peer.id != self.peerID else { throw P2PError(.dialFailed, "a host cannot dial itself") }
        let id = UInt64.random(in: .min ... .max)
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                self.join(waiter, id: id, dialOf: peer, ignoringBackoff: ignoringBackoff)
            }
        } onCancel: {
            let waiter = self.state.withLock { $0.dials[peer.id]?.remove(id) }
            waiter?.resume(returning: .failure(.cancelled))
        }
        return try result.get()
    }

    private func join(_ waiter: PendingDial.Waiter, id: UInt64, dialOf peer: PeerInfo, ignoringBackoff: Bool) {
        enum Next {
            case wait
            case dial
            case fail(P2PError)
        }
        let next: Next = self.state.withLock { state in
            if Task.isCancelled { return .fail(.cancelled) }
            if case .closed = state.phase { return .fail(.hostClosed) }
            let isFirst = state.dials[peer.id] == nil
            state.dials[peer.id, default: PendingDial()].add(waiter, id: id)
            return isFirst ? .dial : .wait
        }
        switch next {
        case .wait:
            break
        case .dial:
            guard self.submit(.dial(peer, ignoringBackoff: ignoringBackoff)) else {
                let error = P2PError(.limitReached, "this host is too busy to dial \(peer.id); try again later")
                return self.endDial(of: peer.id, with: .failure(error))
            }
        case .fail(let error):
            waiter.resume(returning: .failure(error))
        }
    }

    /// Dials a peer on behalf of all who wait for it.
    func settleDial(of peer: PeerInfo, ignoringBackoff: Bool) async {
        do {
            let connection = try await self.dialAny(peer, ignoringBackoff: ignoringBackoff)
            self.endDial(of: peer.id, with: .success(connection))
        } catch {
            self.noteUnreachable(peer.id, error)
            self.endDial(of: peer.id, with: .failure(error))
        }
    }

    private func endDial(of peer: PeerID, with result: Result<Connection, P2PError>) {
        let dial = self.state.withLock { $0.dials.removeValue(forKey: peer) }
        for waiter in dial?.waiters.values.map({ $0 }) ?? [] { waiter.resume(returning: result) }
    }

    /// Dials the addresses of a peer, each with a head start over the next, and takes the first that succeeds.
    private func dialAny(_ peer: PeerInfo, ignoringBackoff: Bool) async throws(P2PError) -> Connection {
        if let allowed = self.configuration.allowedPeers, !allowed.contains(peer.id) {
            throw P2PError(.notAllowed, "\(peer.id) is not among the allowed peers; add it with --allow \(peer.id)")
        }
        try self.checkBan(of: peer.id)
        let addresses = try await self.places(of: peer)
        return try await self.race(ignoringBackoff ? addresses : self.ready(addresses, of: peer.id), for: peer.id)
    }

    private enum RaceEvent: Sendable {
        case finished(Result<Connection, P2PError>)
        /// The attempt that was the `started`th has had its head start.
        case headStartOver(started: Int)
    }

    /// Tries one address after the other: the next when the last has failed or had its head start.
    private func race(_ addresses: ArraySlice<Multiaddr>, for peer: PeerID) async throws(P2PError) -> Connection {
        let stagger = self.configuration.timeouts.dialStagger
        let result = await withTaskGroup(of: RaceEvent.self, returning: Result<Connection, P2PError>.self) { group in
            var waiting = addresses
            var started = 0
            var failures: [P2PError] = []
            func startNext() {
                guard let address = waiting.popFirst() else { return }
                started += 1
                let count = started
                group.addTask { .finished(await self.attempt(address, expecting: peer)) }
                guard !waiting.isEmpty else { return }
                group.addTask {
                    // A race that is over cancels the sleep; nobody looks at this event then.
                    try? await Task.sleep(for: stagger)
                    return .headStartOver(started: count)
                }
            }
            startNext()
            while failures.count < addresses.count, let event = await group.next() {
                switch event {
                case .finished(.success(let connection)):
                    group.cancelAll()
                    return .success(connection)
                case .finished(.failure(let error)):
                    failures.append(error)
                    startNext()
                case .headStartOver(let count):
                    if count == started { startNext() }
                }
            }
            group.cancelAll()
            return .failure(Self.summary(of: failures, peer))
        }
        return try result.get()
    }

    private func attempt(_ address: Multiaddr, expecting peer: PeerID) async -> Result<Connection, P2PError> {
        do throws(P2PError) {
            let connection = try await self.dial(address, expecting: peer)
            self.noteDial(of: peer, at: address, failedWith: nil)
            return .success(connection)
        } catch {
            self.noteDial(of: peer, at: address, failedWith: error.code)
            return .failure(error)
        }
    }

    private static func summary(of failures: [P2PError], _ peer: PeerID) -> P2PError {
        guard failures.count > 1 else {
            return failures.first ?? P2PError(.dialFailed, "no address of \(peer) could be dialed")
        }
        let code = failures.allSatisfy { $0.code == failures[0].code } ? failures[0].code : .dialFailed
        return P2PError(code, failures.map(\.message).joined(separator: "; "))
    }

    /// Dials one address and upgrades the connection.
    private func dial(_ address: Multiaddr, expecting peer: PeerID?) async throws(P2PError) -> Connection {
        guard let endpoint = address.tcpEndpoint else {
            throw P2PError(.dialFailed, "\(address) is not a TCP address; give one as /ip4/…/tcp/…")
        }
        if Task.isCancelled { throw .cancelled }
        let place = address.withoutPeerID
        try self.checkBan(at: place)
        let attempt = DialAttempt()
        let reservation = try Reservation(self.book) { ledger throws(ResourceRefusal) in try ledger.dial() }
        let timeouts = self.configuration.timeouts
        let bootstrap = ClientBootstrap(group: self.home)
            .connectionOptions()
            .connectTimeout(TimeAmount(clamping: timeouts.upgrade))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let established = channel.eventLoop.makePromise(of: Connection.self)
                    attempt.began(channel, established.futureResult)
                    let handler = UpgradeHandler(
                        role: .dialer,
                        host: self,
                        remoteAddress: place,
                        expectedPeer: peer,
                        reservation: reservation,
                        established: established
                    )
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
        do {
            return try await withTaskCancellationHandler {
                let channel = try await bootstrap.connect(host: endpoint.hostName, port: Int(endpoint.port)).get()
                return try await attempt.connection(over: channel)
            } onCancel: {
                attempt.cancel()
            }
        } catch let error as P2PError {
            throw Task.isCancelled ? .cancelled : error
        } catch {
            throw Task.isCancelled ? .cancelled : P2PError(dialing: place, error)
        }
    }
}
