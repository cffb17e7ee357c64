import Logging
import NIOCore
import P2PWire

/// The event loop's side of a connection's first round trips: obeys ``ConnectionUpgrade``, asks the host whether the
/// peer that was proven may stay, and makes room for the ``ConnectionHandler``.
final class UpgradeHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let role: ConnectionRole
    private let host: Host
    private let remoteAddress: Multiaddr
    /// Who must be there; `nil` for whoever it is.
    private let expectedPeer: PeerID?
    /// Room for the connection, until it is handed on or given up.
    private var reservation: Reservation?
    private let established: EventLoopPromise<Connection>
    private var upgrade: ConnectionUpgrade
    /// When the whole upgrade, the muxer's negotiation included, must be done.
    private let latestEnd: NIODeadline
    private var received = ByteBuffer()
    private var deadline: Scheduled<Void>?
    private var isOver = false

    init(
        role: ConnectionRole,
        host: Host,
        remoteAddress: Multiaddr,
        expectedPeer: PeerID?,
        reservation: Reservation,
        established: EventLoopPromise<Connection>
    ) {
        self.role = role
        self.host = host
        self.remoteAddress = remoteAddress
        self.expectedPeer = expectedPeer
        self.reservation = reservation
        self.established = established
        self.latestEnd = .now() + TimeAmount(clamping: host.configuration.timeouts.upgrade)
        let handshake = NoiseHandshake(
            role: role,
            identity: host.configuration.identity,
            muxers: [ConnectionUpgrade.muxer],
            staticKey: host.noiseKey
        )
        self.upgrade = ConnectionUpgrade(role: role, handshake: handshake)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.deadline = context.eventLoop.assumeIsolated().scheduleTask(deadline: self.latestEnd) { [weak self] in
            guard let self else { return }
            self.fail(P2PError(.timedOut, "\(self.remoteAddress) did not finish the handshake in time"), context)
        }
        if context.channel.isActive { self.start(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        self.start(context)
        context.fireChannelActive()
    }

    private func start(_ context: ChannelHandlerContext) {
        var reply = ByteBuffer()
        do {
            try self.upgrade.start(into: &reply)
            context.writeAndFlush(self.wrapOutboundOut(reply), promise: nil)
        } catch {
            self.fail(P2PError(.handshakeFailed, error.message), context)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !self.isOver else { return context.fireChannelRead(data) }
        var bytes = self.unwrapInboundIn(data)
        self.received.writeBuffer(&bytes)
        var reply = ByteBuffer()
        do {
            let identity = try self.upgrade.receive(&self.received, reply: &reply)
            if let identity {
                try self.host.admit(identity.peerID, expected: self.expectedPeer, at: self.remoteAddress)
                let secure = try self.upgrade.accept(into: &reply)
                context.write(self.wrapOutboundOut(reply), promise: nil)
                try self.finish(secure, peer: identity.peerID, context)
            } else if reply.readableBytes > 0 {
                context.writeAndFlush(self.wrapOutboundOut(reply), promise: nil)
            }
        } catch let error as P2PError {
            self.fail(error, context)
        } catch let error as WireError {
            self.fail(
                P2PError(.handshakeFailed, "no secure connection with \(self.remoteAddress): \(error.message)"),
                context
            )
        } catch {
            self.fail(P2PError(.handshakeFailed, "\(error)"), context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        let reason = "\(self.remoteAddress) closed the connection during the handshake; it may not allow this peer"
        self.fail(P2PError(.handshakeFailed, reason), context)
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        // A socket that never connected is closed without having been active.
        self.fail(P2PError(.dialFailed, "\(self.remoteAddress) could not be reached"), context)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.fail(P2PError(.handshakeFailed, "\(self.remoteAddress) broke off the handshake: \(error)"), context)
    }

    /// Puts the ``ConnectionHandler`` in place, with the bytes that already belong to it.
    private func finish(
        _ secure: consuming SecureConnection,
        peer: PeerID,
        _ context: ChannelHandlerContext
    ) throws {
        guard let reservation else { return }
        let number = self.host.book.nextConnection()
        try reservation.update { ledger, claim throws(ResourceRefusal) in
            try ledger.authenticate(&claim, as: peer, connection: number)
        }
        let handler = ConnectionHandler(
            secure,
            peer: peer,
            host: self.host,
            memory: ConnectionMemory(reservation),
            settledBy: self.latestEnd
        )
        let connection = Connection(
            peer: peer,
            remoteAddress: self.remoteAddress,
            role: self.role,
            channel: context.channel,
            handler: handler,
            reservation: reservation,
            number: number
        )
        handler.attach(connection)
        try context.pipeline.syncOperations.addHandler(handler, position: .after(self))
        try self.host.connectionOpened(connection)
        self.isOver = true
        self.reservation = nil
        self.deadline?.cancel()
        self.established.succeed(connection)
        if self.received.readableBytes > 0 {
            context.fireChannelRead(self.wrapInboundOut(self.received))
            context.fireChannelReadComplete()
        }
        self.received = ByteBuffer()
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    private func fail(_ error: P2PError, _ context: ChannelHandlerContext) {
        guard !self.isOver else { return }
        self.isOver = true
        self.reservation = nil
        self.deadline?.cancel()
        self.host.configuration.logger.debug(
            "no connection",
            metadata: ["address": "\(self.remoteAddress)", "role": "\(self.role)", "reason": "\(error)"]
        )
        self.established.fail(error)
        context.close(promise: nil)
    }
}
