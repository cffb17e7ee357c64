import Logging
import NIOCore
import P2PWire

/// The event loop's side of one connection: obeys its ``SecureConnection``, moves bytes between the socket and the
/// streams' mailboxes, and keeps the connection's times.
///
/// Everything here runs on the channel's event loop, so the order of nonces and the wholeness of frames need no lock.
/// What is to be sent is gathered for the rest of the loop's tick and leaves with one write and one flush.
final class ConnectionHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var secure: SecureConnection
    private var streams = ConnectionStreams()
    private let host: Host
    private let peer: PeerID
    private let timeouts: Timeouts
    private let settledBy: NIODeadline
    private weak var connection: Connection?
    private var memory: ConnectionMemory
    private var context: ChannelHandlerContext?
    private var keepalive: Keepalive
    private var idleness: Idleness
    private var isFlushScheduled = false
    private var isFinished = false
    /// A read that waits until the answers to what was read before have left.
    private var heldRead = false
    /// Something arrived, so the remote has accepted the connection.
    private var isConfirmed = false
    private var confirmationWaiters: [(Result<Void, P2PError>) -> Void] = []
    private var failure: P2PError?

    /// - Parameter settledBy: When the remote must have shown that it accepts the connection.
    init(
        _ secure: consuming SecureConnection,
        peer: PeerID,
        host: Host,
        memory: ConnectionMemory,
        settledBy latest: NIODeadline
    ) {
        self.secure = secure
        // Windows grow as far as there is memory for it.
        self.secure.yamux.budget = WindowBudget(0)
        self.memory = memory
        self.peer = peer
        self.host = host
        self.timeouts = host.configuration.timeouts
        self.settledBy = latest
        self.idleness = Idleness(limit: TimeAmount(clamping: host.configuration.timeouts.idle))
        self.keepalive = Keepalive(
            idle: TimeAmount(clamping: host.configuration.timeouts.keepalive),
            patience: TimeAmount(clamping: host.configuration.timeouts.pong),
            at: .now()
        )
    }

    func attach(_ connection: Connection) {
        self.connection = connection
    }

    // MARK: The channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        // The first ping measures the round trip, and its answer shows that the remote accepted us.
        self.secure.yamux.ping(at: .now())
        self.scheduleFlush()
        self.hitKeepaliveDeadline()
        self.noteIdleness()
        self.schedule(at: self.settledBy) { handler in
            guard !handler.isConfirmed else { return }
            handler.fail(P2PError(.timedOut, "\(handler.peer) did not finish the handshake in time"))
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !self.isFinished else { return }
        var bytes = self.unwrapInboundIn(data)
        let now = NIODeadline.now()
        self.keepalive.received(at: now)
        self.connection?.received(at: now)
        do {
            try self.secure.receive(&bytes)
            while let event = try self.secure.nextEvent(at: now) {
                self.handle(event, at: now)
            }
        } catch {
            let failure = P2PError(.connectionLost, "\(self.peer) broke the protocol: \(error.message)")
            self.leave(.protocolError, failure)
            self.host.noteOffence(of: self.peer, failure.message)
            return
        }
        if self.secure.isSettled { self.confirm() }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        self.flushNow()
        context.fireChannelReadComplete()
    }

    func read(context: ChannelHandlerContext) {
        // A peer that asks without reading the answers stops itself.
        guard !self.secure.yamux.isCongested else {
            self.heldRead = true
            return
        }
        context.read()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { self.flushNow() }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.finish(P2PError(.connectionLost, "the connection to \(self.peer) ended"))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.fail(P2PError(.connectionLost, "the connection to \(self.peer) broke: \(error)"))
    }

    // MARK: Sending

    private func scheduleFlush() {
        guard !self.isFlushScheduled, let context else { return }
        self.isFlushScheduled = true
        context.eventLoop.assumeIsolated().execute {
            self.isFlushScheduled = false
            self.flushNow()
        }
    }

    /// Encrypts what there is to send, as far as the socket takes it.
    private func flushNow() {
        guard let context, !self.isFinished, self.secure.hasOutput else { return }
        var wrote = false
        while context.channel.isWritable, let batch = self.nextBatch(context.channel.allocator) {
            context.write(self.wrapOutboundOut(batch), promise: nil)
            wrote = true
        }
        if wrote { context.flush() }
        if self.heldRead, !self.secure.yamux.isCongested {
            self.heldRead = false
            context.read()
        }
    }

    private func nextBatch(_ allocator: ByteBufferAllocator) -> ByteBuffer? {
        guard self.secure.hasOutput else { return nil }
        var batch = allocator.buffer(capacity: min(self.secure.estimatedOutput, Limits.socketHighWater))
        do {
            while batch.readableBytes < Limits.socketLowWater,
                try self.secure.writeMessage(into: &batch, { self.noteWritten($0) })
            {}
        } catch {
            self.fail(P2PError(.connectionLost, error.message))
            return nil
        }
        return batch.readableBytes > 0 ? batch : nil
    }

    private func noteWritten(_ frame: YamuxSession.Written) {
        switch frame {
        case .control:
            break
        case .data(let id, let byteCount):
            self.streams[id]?.mailbox.update { $0.sent(byteCount) }
        case .finished(let id):
            // Removed on the next tick: the machine is in the middle of a write.
            self.context?.eventLoop.assumeIsolated().execute { self.forgetIfOver(id) }
        }
    }

    // MARK: Streams

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

    private func handle(_ event: YamuxSession.Event, at now: NIODeadline) {
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
            entry.mailbox.update { $0.fail(error) }
            self.secure.yamux.reset(id)
            self.forget(id)
        }
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

    /// Gives the remote time to end its direction of a stream that nobody reads any more.
    private func linger(_ id: StreamID) {
        guard self.secure.yamux.contains(id) else { return self.forget(id) }
        self.streams[id]?.deadline?.cancel()
        self.streams[id]?.deadline = self.schedule(in: self.timeouts.linger) { handler in
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

    private func forgetIfOver(_ id: StreamID) {
        if !self.secure.yamux.contains(id) { self.forget(id) }
    }

    private func forget(_ id: StreamID) {
        self.streams.remove(id)
        self.noteIdleness()
    }

    // MARK: Time

    @discardableResult
    private func schedule(
        in duration: Duration,
        _ body: @escaping (ConnectionHandler) -> Void
    ) -> Scheduled<Void>? {
        self.schedule(at: .now() + TimeAmount(clamping: duration), body)
    }

    @discardableResult
    private func schedule(
        at deadline: NIODeadline,
        _ body: @escaping (ConnectionHandler) -> Void
    ) -> Scheduled<Void>? {
        self.context?.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { [weak self] in
            guard let self, !self.isFinished else { return }
            body(self)
        }
    }

    private func hitKeepaliveDeadline() {
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

    private func noteIdleness() {
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

    private func confirm() {
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
    private func leave(_ reason: YamuxGoAway, _ error: P2PError) {
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

    private func fail(_ error: P2PError) {
        guard let context, !self.isFinished else { return }
        self.finish(error)
        context.close(promise: nil)
    }

    private func finish(_ error: P2PError) {
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
