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

    var secure: SecureConnection
    var streams = ConnectionStreams()
    let host: Host
    let peer: PeerID
    let timeouts: Timeouts
    let settledBy: NIODeadline
    weak var connection: Connection?
    var memory: ConnectionMemory
    var context: ChannelHandlerContext?
    var keepalive: Keepalive
    var idleness: Idleness
    var isFlushScheduled = false
    var isFinished = false
    var busyPoll = BusyPoll()
    /// A read that waits until the answers to what was read before have left.
    var heldRead = false
    /// Something arrived, so the remote has accepted the connection.
    var isConfirmed = false
    var confirmationWaiters: [(Result<Void, P2PError>) -> Void] = []
    var failure: P2PError?

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
        HostCounters.received(bytes.readableBytes)
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

    func scheduleFlush() {
        guard !self.isFlushScheduled, let context else { return }
        self.isFlushScheduled = true
        context.eventLoop.assumeIsolated().execute {
            self.isFlushScheduled = false
            self.flushNow()
        }
    }

    /// Encrypts what there is to send, as far as the socket takes it.
    func flushNow() {
        guard let context, !self.isFinished, self.secure.hasOutput else { return }
        var byteCount = 0
        while context.channel.isWritable, let batch = self.nextBatch(context.channel.allocator) {
            byteCount += batch.readableBytes
            context.write(self.wrapOutboundOut(batch), promise: nil)
        }
        if byteCount > 0 {
            context.flush()
            let isAlone = LoopTalk.current.sends(ObjectIdentifier(self))
            // Who sends much waits for room, not for an answer.
            if isAlone, byteCount <= Limits.busyPollMessage, self.busyPoll.isDue() { self.awaitAnswer(context) }
        }
        if self.heldRead, !self.secure.yamux.isCongested {
            self.heldRead = false
            context.read()
        }
    }

    /// Keeps the thread awake for a moment at the end of the tick: what comes in time saves waking it up.
    private func awaitAnswer(_ context: ChannelHandlerContext) {
        context.eventLoop.assumeIsolated().execute {
            // What this loop has to say meanwhile comes first.
            guard let context = self.context, !self.isFlushScheduled,
                LoopTalk.current.lastSender == ObjectIdentifier(self)
            else { return }
            let answered = try? context.channel.pipeline.syncOperations
                .withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self, BusyPoll.isReadable)
            self.busyPoll.ended(answered: answered ?? false)
        }
    }

    func nextBatch(_ allocator: ByteBufferAllocator) -> ByteBuffer? {
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
        HostCounters.sent(batch.readableBytes)
        return batch.readableBytes > 0 ? batch : nil
    }

    func noteWritten(_ frame: YamuxSession.Written) {
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
}
