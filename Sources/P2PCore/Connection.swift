import NIOCore
import P2PWire
import Synchronization

/// One connection to a peer, as everybody but its event loop sees it. What happens on it happens in
/// ``ConnectionHandler``, on its event loop.
final class Connection: Sendable {
    let peer: PeerID
    let remoteAddress: Multiaddr
    let role: ConnectionRole
    let channel: any Channel
    let executor: EventLoopTaskExecutor
    /// What the connection itself takes of the host's resources, and its number in the books.
    let reservation: Reservation
    let number: UInt64
    let openedAt = NIODeadline.now()
    private let handler: NIOLoopBound<ConnectionHandler>
    private let inbound: AsyncStream<Inbound>
    private let arrivals: AsyncStream<Inbound>.Continuation
    private let lastFrame: Atomic<UInt64>
    private let isLeaving = Atomic(false)

    /// A stream that the remote has opened, and who serves it.
    private struct Inbound: Sendable {
        var stream: PeerStream
        var handler: ProtocolHandler
        var permit: Reservation
    }

    /// Made on the channel's event loop.
    init(
        peer: PeerID,
        remoteAddress: Multiaddr,
        role: ConnectionRole,
        channel: any Channel,
        handler: ConnectionHandler,
        reservation: Reservation,
        number: UInt64
    ) {
        self.peer = peer
        self.remoteAddress = remoteAddress
        self.role = role
        self.channel = channel
        self.reservation = reservation
        self.number = number
        self.executor = EventLoopTaskExecutor(channel.eventLoop)
        self.handler = NIOLoopBound(handler, eventLoop: channel.eventLoop)
        (self.inbound, self.arrivals) = AsyncStream.makeStream(
            bufferingPolicy: .bufferingOldest(Limits.pendingStreams)
        )
        self.lastFrame = Atomic(NIODeadline.now().uptimeNanoseconds)
    }

    /// Time since anything arrived from the peer.
    var lastFrameAge: Duration {
        let then = NIODeadline.uptimeNanoseconds(self.lastFrame.load(ordering: .relaxed))
        return .nanoseconds(max(0, (NIODeadline.now() - then).nanoseconds))
    }

    /// Whether new streams may still be opened on it.
    var isUsable: Bool { self.channel.isActive && !self.isLeaving.load(ordering: .relaxed) }

    func received(at now: NIODeadline) {
        self.lastFrame.store(now.uptimeNanoseconds, ordering: .relaxed)
    }

    func markLeaving() {
        self.isLeaving.store(true, ordering: .relaxed)
    }

    // MARK: Inbound streams

    /// Serves the remote's streams until the connection has closed and the last of them is over. Meant for a task on
    /// ``executor``: then no stream waits for another thread.
    func serve() async {
        await withDiscardingTaskGroup { group in
            for await arrival in self.inbound {
                group.addTask { await arrival.handler.serve(arrival.stream, arrival.permit) }
            }
        }
    }

    /// Hands a stream to ``serve()``; one too many is reset.
    func accept(_ stream: PeerStream, _ handler: ProtocolHandler, _ permit: Reservation) {
        let arrival = Inbound(stream: stream, handler: handler, permit: permit)
        if case .enqueued = self.arrivals.yield(arrival) { return }
        stream.reset()
    }

    /// No stream will come any more.
    func ended() { self.arrivals.finish() }

    // MARK: Outbound streams

    /// Opens a stream and proposes its protocol.
    ///
    /// - Parameter lazily: Return at once, so that the first payload leaves with the proposal; a refusal then shows at the
    ///   first read. Otherwise return when the remote has agreed.
    func openStream(_ protocolID: ProtocolID, lazily: Bool) async throws(P2PError) -> PeerStream {
        if Task.isCancelled { throw .cancelled }
        let mailbox = StreamMailbox(StreamBuffers(isAgreed: false, holdsBack: lazily))
        let opened: Result<StreamID, P2PError> = await withCheckedContinuation { continuation in
            self.onEventLoop { handler in
                continuation.resume(returning: handler.openStream(protocolID, mailbox: mailbox, lazily: lazily))
            }
        }
        let stream = PeerStream(id: try opened.get(), protocolID: protocolID, mailbox: mailbox, connection: self)
        if !lazily { try await stream.waitForAgreement() }
        return stream
    }

    /// Returns once the remote has shown that it accepts the connection.
    func waitUntilConfirmed() async throws(P2PError) {
        let result: Result<Void, P2PError> = await withCheckedContinuation { continuation in
            self.onEventLoop { handler in handler.whenConfirmed { continuation.resume(returning: $0) } }
        }
        try result.get()
    }

    /// The stream's task left orders in its mailbox.
    func signal(_ id: StreamID) {
        self.onEventLoop { $0.fetchOrders(of: id) }
    }

    /// Says goodbye and closes; returns when the connection is closed.
    func close() async {
        self.markLeaving()
        self.onEventLoop { $0.close() }
        // It only fails when the closing itself went wrong; closed it is all the same.
        try? await self.channel.closeFuture.get()
    }

    /// Closes the connection unless it carries a stream; the host needs room.
    func closeIfIdle() {
        self.onEventLoop { $0.closeIfIdle() }
    }

    private func onEventLoop(_ body: @escaping @Sendable (ConnectionHandler) -> Void) {
        if self.channel.eventLoop.inEventLoop {
            body(self.handler.value)
        } else {
            self.channel.eventLoop.execute { body(self.handler.value) }
        }
    }
}
