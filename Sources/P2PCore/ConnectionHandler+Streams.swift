import NIOCore
import P2PWire

/// The streams of a connection on its event loop: opened here or there, agreed upon, served, ended.
extension ConnectionHandler {
    func openStream(_ protocolID: ProtocolID, mailbox: StreamMailbox, lazily: Bool) -> Result<StreamID, P2PError> {
        guard !self.isFinished else {
            return .failure(self.failure ?? P2PError(.connectionLost, "the connection to \(self.peer) has ended"))
        }
        do throws(P2PError) {
            let permit = try self.connection?.openingPermit()
            let id = try self.openInSession()
            var proposal = ByteBuffer()
            let negotiation = StreamNegotiation(proposing: protocolID, into: &proposal)
            self.secure.yamux.send(proposal, on: id)
            self.add(id, mailbox, negotiation, permit)
            if !lazily { self.scheduleFlush() }
            return .success(id)
        } catch {
            return .failure(error)
        }
    }

    private func openInSession() throws(P2PError) -> StreamID {
        try self.memory.cover(self.secure.yamux.heldBytes + Int(P2PWire.Limits.initialWindow))
        do throws(WireError) {
            return try self.secure.yamux.open()
        } catch {
            throw P2PError(.limitReached, "no stream to \(self.peer): \(error.message)")
        }
    }

    /// Does what the stream's task has left in its mailbox.
    func fetchOrders(of id: StreamID) {
        guard !self.isFinished, let mailbox = self.streams[id]?.mailbox else { return }
        let orders = mailbox.update { $0.takeOrders() }
        defer { self.scheduleFlush() }
        guard !orders.resets else {
            self.secure.yamux.reset(id)
            self.forget(id)
            return
        }
        for bytes in orders.bytes { self.secure.yamux.send(bytes, on: id) }
        if orders.consumedBytes > 0 {
            self.secure.yamux.consumed(orders.consumedBytes, on: id, at: .now())
            self.memory.grow(&self.secure.yamux.budget, heldBytes: self.secure.yamux.heldBytes)
        }
        do throws(P2PError) {
            try self.memory.cover(self.secure.yamux.heldBytes)
        } catch {
            mailbox.update { $0.fail(error) }
            self.secure.yamux.reset(id)
            self.forget(id)
            return
        }
        if orders.closesWrite { self.secure.yamux.closeWrite(id) }
        if orders.stopsReading { self.linger(id) }
    }

    func handle(_ event: YamuxSession.Event, at now: NIODeadline) {
        switch event {
        case .opened(let id):
            guard (try? self.memory.cover(self.secure.yamux.heldBytes)) != nil else {
                return self.secure.yamux.reset(id)
            }
            var header = ByteBuffer()
            let negotiation = StreamNegotiation(answeringInto: &header)
            self.secure.yamux.send(header, on: id)
            self.add(id, StreamMailbox(StreamBuffers(isAgreed: true)), negotiation)
        case .received(let id, let bytes):
            self.receive(bytes, on: id, at: now)
        case .finished(let id):
            self.streams[id]?.mailbox.update { $0.finish() }
            self.failUnagreed(id)
            self.forgetIfOver(id)
        case .reset(let id, _):
            let error = P2PError(.streamReset, "\(self.peer) reset the stream; it may be busy, try again later")
            self.streams[id]?.mailbox.update { $0.fail(error) }
            self.forget(id)
        case .leaving:
            self.connection?.markLeaving()
        }
    }

    private func receive(_ bytes: ByteBuffer, on id: StreamID, at now: NIODeadline) {
        guard let entry = self.streams[id] else { return }
        if entry.negotiation.isAgreed {
            entry.mailbox.update { $0.deliver(bytes) }
        } else {
            self.negotiate(bytes, on: id, at: now)
        }
    }

    /// Feeds the negotiation of a stream; what it leaves belongs to the protocol.
    private func negotiate(_ bytes: ByteBuffer, on id: StreamID, at now: NIODeadline) {
        guard var entry = self.streams[id] else { return }
        var reply = ByteBuffer()
        var consumed = 0
        do throws(P2PError) {
            let outcome = try entry.negotiation
                .receive(bytes, reply: &reply, consumed: &consumed) { self.host.handler(for: $0) }
            let permit = try self.permit(for: outcome)
            self.secure.yamux.send(reply, on: id)
            self.secure.yamux.consumed(consumed, on: id, at: now)
            switch outcome {
            case .pending:
                self.streams[id] = entry
            case .outbound(let surplus):
                self.agree(entry, id, surplus)
            case .inbound(let handler, let surplus):
                self.agree(entry, id, surplus)
                if let permit { self.serve(id, entry.mailbox, handler, permit) }
            }
        } catch {
            guard reply.readableBytes > 0, error.code != .limitReached else {
                entry.mailbox.update { $0.fail(error) }
                self.secure.yamux.reset(id)
                return self.forget(id)
            }
            self.refuse(entry, id, reply, error)
        }
    }

    /// Refuses a proposal behind which comes what is no proposal: the payload of a dialer that did not wait. It learns why
    /// from the answer, which a reset would take back.
    private func refuse(_ entry: ConnectionStreams.Entry, _ id: StreamID, _ answer: ByteBuffer, _ error: P2PError) {
        var entry = entry
        entry.negotiation.end()
        self.streams[id] = entry
        entry.mailbox.update { buffers in
            _ = buffers.close(stopsReading: true)
            buffers.fail(error)
        }
        self.secure.yamux.send(answer, on: id)
        self.secure.yamux.closeWrite(id)
        self.linger(id)
    }

    private func agree(_ entry: ConnectionStreams.Entry, _ id: StreamID, _ surplus: ByteBuffer) {
        var entry = entry
        entry.deadline?.cancel()
        entry.deadline = nil
        self.streams[id] = entry
        entry.mailbox.update { buffers in
            buffers.agree()
            buffers.deliver(surplus)
        }
    }

    /// Room to serve a stream of the protocol that was agreed upon; nil when there is nothing to serve.
    private func permit(for outcome: StreamNegotiation.Outcome) throws(P2PError) -> Reservation? {
        guard case .inbound(let handler, _) = outcome else { return nil }
        return try self.connection?.permit(for: handler.protocolID)
    }

    private func serve(_ id: StreamID, _ mailbox: StreamMailbox, _ handler: ProtocolHandler, _ permit: Reservation) {
        guard let connection else { return }
        let stream = PeerStream(id: id, protocolID: handler.protocolID, mailbox: mailbox, connection: connection)
        connection.accept(stream, handler, permit)
    }

    private func add(
        _ id: StreamID,
        _ mailbox: StreamMailbox,
        _ negotiation: StreamNegotiation,
        _ permit: Reservation? = nil
    ) {
        self.idleness.ended()
        self.streams[id] = ConnectionStreams.Entry(mailbox: mailbox, negotiation: negotiation, permit: permit)
        self.streams[id]?.deadline = self.schedule(in: self.timeouts.negotiation) { handler in
            let error = P2PError(.timedOut, "\(handler.peer) did not agree to a protocol in time")
            handler.streams[id]?.mailbox.update { $0.fail(error) }
            handler.secure.yamux.reset(id)
            handler.forget(id)
            handler.scheduleFlush()
        }
    }

    /// Gives the remote time to end its direction of a stream that nobody reads any more, and begins anew as long as it
    /// takes what was written before: over a slow line that is longer on its way.
    private func linger(_ id: StreamID) {
        guard self.secure.yamux.contains(id), let mailbox = self.streams[id]?.mailbox else { return self.forget(id) }
        let unsent = mailbox.update { $0.unsentBytes }
        self.streams[id]?.deadline?.cancel()
        self.streams[id]?.deadline = self.schedule(in: self.timeouts.linger) { handler in
            let taken = unsent - mailbox.update { $0.unsentBytes }
            guard taken < max(1, min(unsent, Limits.lingerProgress)) else { return handler.linger(id) }
            handler.secure.yamux.reset(id)
            handler.forget(id)
            handler.scheduleFlush()
        }
    }

    /// The remote ended a stream before it agreed to its protocol.
    private func failUnagreed(_ id: StreamID) {
        guard let entry = self.streams[id], entry.negotiation.awaitsAnswer else { return }
        let error = P2PError(.streamReset, "\(self.peer) ended the stream before it agreed to a protocol")
        entry.mailbox.update { $0.fail(error) }
    }

    func forgetIfOver(_ id: StreamID) {
        if !self.secure.yamux.contains(id) { self.forget(id) }
    }

    func forget(_ id: StreamID) {
        self.streams.remove(id)
        self.noteIdleness()
    }
}
