import NIOCore
import P2PWire

/// The times that a connection keeps, and its beginning and end.
extension ConnectionHandler {
    // MARK: Time

    @discardableResult
    func schedule(
        in duration: Duration,
        _ body: @escaping (ConnectionHandler) -> Void
    ) -> Scheduled<Void>? {
        self.schedule(at: .now() + TimeAmount(clamping: duration), body)
    }

    @discardableResult
    func schedule(
        at deadline: NIODeadline,
        _ body: @escaping (ConnectionHandler) -> Void
    ) -> Scheduled<Void>? {
        self.context?.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { [weak self] in
            guard let self, !self.isFinished else { return }
            body(self)
        }
    }

    func hitKeepaliveDeadline() {
        let now = NIODeadline.now()
        switch self.keepalive.hitDeadline(at: now) {
        case .wait(let deadline):
            self.schedule(at: deadline) { $0.hitKeepaliveDeadline() }
        case .ping(let deadline):
            self.secure.yamux.ping(at: now)
            self.scheduleFlush()
            self.schedule(at: deadline) { $0.hitKeepaliveDeadline() }
        case .giveUp:
            self.fail(P2PError(.connectionLost, "\(self.peer) has been silent for too long"))
        }
    }

    func noteIdleness() {
        guard self.streams.isEmpty, !self.isFinished else { return }
        self.secure.yamux.budget = WindowBudget(0)
        self.memory.shrink()
        guard let deadline = self.idleness.began(at: .now()) else { return }
        self.schedule(at: deadline) { $0.hitIdleDeadline() }
    }

    private func hitIdleDeadline() {
        switch self.idleness.hitDeadline(at: .now()) {
        case .none: break
        case .wait(let deadline): self.schedule(at: deadline) { $0.hitIdleDeadline() }
        case .close: self.close()
        }
    }

    // MARK: The beginning and the end

    /// Calls back once the remote has shown that it accepts the connection, or that it does not.
    func whenConfirmed(_ body: @escaping (Result<Void, P2PError>) -> Void) {
        if let failure {
            body(.failure(failure))
        } else if self.isConfirmed {
            body(.success(()))
        } else {
            self.confirmationWaiters.append(body)
        }
    }

    func confirm() {
        guard !self.isConfirmed else { return }
        self.isConfirmed = true
        for waiter in self.confirmationWaiters { waiter(.success(())) }
        self.confirmationWaiters = []
    }

    /// Says goodbye and closes.
    func close() {
        guard !self.isFinished else { return }
        self.connection?.markLeaving()
        self.leave(.normal, P2PError(.connectionLost, "this side closed the connection to \(self.peer)"))
    }

    /// Says goodbye and closes if there is no stream to end by that.
    func closeIfIdle() {
        if self.streams.isEmpty { self.close() }
    }

    /// Tells the remote why, and closes once it has left, or after a second if the remote takes nothing any more.
    func leave(_ reason: YamuxGoAway, _ error: P2PError) {
        guard let context, !self.isFinished else { return }
        self.secure.yamux.goAway(reason)
        self.flushNow()
        self.finish(error)
        let channel = context.channel
        let limit = context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(1)) { channel.close(promise: nil) }
        channel.writeAndFlush(ByteBuffer()).whenComplete { _ in
            limit.cancel()
            channel.close(promise: nil)
        }
    }

    func fail(_ error: P2PError) {
        guard let context, !self.isFinished else { return }
        self.finish(error)
        context.close(promise: nil)
    }

    func finish(_ error: P2PError) {
        guard !self.isFinished else { return }
        self.isFinished = true
        let reason =
            self.isConfirmed || error.code == .timedOut
            ? error
            : P2PError(.handshakeFailed, "\(self.peer) closed the connection at once; it may not allow this peer")
        self.failure = reason
        for entry in self.streams.removeAll() { entry.mailbox.update { $0.fail(reason) } }
        for waiter in self.confirmationWaiters { waiter(.failure(reason)) }
        self.confirmationWaiters = []
        if let connection {
            connection.ended()
            self.host.connectionClosed(connection, reason)
        }
    }
}
