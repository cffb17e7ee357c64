public import NIOCore
import NIOPosix
import Synchronization

/// Stands in front of a peer and is dialled in its place: forwards bytes a while later, and breaks connections.
///
/// It reads nothing: what passes is encrypted between the two ends.
public final class Proxy: Sendable {
    private let listener: any Channel
    private let line: Line

    private init(_ listener: any Channel, _ line: Line) {
        (self.listener, self.line) = (listener, line)
    }

    /// One on a free port of loopback, which leads nowhere yet.
    public static func start(on group: any EventLoopGroup) async throws -> Proxy {
        let line = Line()
        let listener = try await ServerBootstrap(group: group)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { channel in line.accept(channel) }
            .bind(host: "127.0.0.1", port: 0).get()
        return Proxy(listener, line)
    }

    /// The port to dial.
    public var port: Int { self.listener.localAddress?.port ?? 0 }

    /// How long bytes take from end to end, in each direction.
    public func setDelay(_ delay: Duration) {
        self.line.state.withLock { $0.delay = TimeAmount(delay) }
    }

    /// Connections that come from now on lead to that port; to nobody where it is nil.
    public func lead(to port: Int?) {
        self.line.state.withLock { $0.backend = port }
    }

    /// Ends every connection of that moment as a crash does: with a reset, and without a word.
    public func reset(after delay: Duration = .zero) {
        let line = self.line
        self.listener.eventLoop.scheduleTask(in: TimeAmount(delay)) {
            for channel in line.state.withLock({ Array($0.connections.values) }) { channel.reset() }
        }
    }
}

/// What a proxy and its connections share.
final class Line: Sendable {
    struct State {
        var backend: Int?
        var delay = TimeAmount.zero
        var connections: [ObjectIdentifier: any Channel] = [:]
    }

    let state = Mutex(State())

    /// Joins a connection that came with one to the backend.
    func accept(_ channel: any Channel) -> EventLoopFuture<Void> {
        guard let backend = self.state.withLock({ $0.backend }) else {
            channel.reset()
            return channel.eventLoop.makeSucceededVoidFuture()
        }
        // On the same thread, so that each end may touch the other.
        return ClientBootstrap(group: channel.eventLoop)
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelOption(.autoRead, value: false)
            .connect(host: "127.0.0.1", port: backend)
            .flatMapThrowing { other in
                try channel.pipeline.syncOperations.addHandler(Forwarder(to: other, self))
                try other.pipeline.syncOperations.addHandler(Forwarder(to: channel, self))
                self.keep(channel)
                self.keep(other)
                for end in [channel, other] { end.setOption(.autoRead, value: true).whenFailure { _ in end.reset() } }
            }
    }

    private func keep(_ channel: any Channel) {
        let id = ObjectIdentifier(channel)
        self.state.withLock { $0.connections[id] = channel }
        channel.closeFuture.whenComplete { _ in self.state.withLock { $0.connections[id] = nil } }
    }
}

/// Hands on what one end sends.
private final class Forwarder: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let other: any Channel
    private let line: Line
    /// On the way, with the moment when it arrives; nil is the end.
    private var bytes = CircularBuffer<(moment: NIODeadline, bytes: ByteBuffer?)>()

    init(to other: any Channel, _ line: Line) {
        (self.other, self.line) = (other, line)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.send(self.unwrapInboundIn(data), context)
    }

    func channelInactive(context: ChannelHandlerContext) { self.send(nil, context) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.other.reset()
        context.close(promise: nil)
    }

    private func send(_ bytes: ByteBuffer?, _ context: ChannelHandlerContext) {
        let delay = self.line.state.withLock { $0.delay }
        guard delay > .zero || !self.bytes.isEmpty else { return self.deliver(bytes) }
        // Nothing overtakes what is on its way.
        let moment = max(.now() + delay, self.bytes.last?.moment ?? .distantPast)
        self.bytes.append((moment, bytes))
        let own = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(deadline: moment) { own.value.deliverArrived() }
    }

    private func deliverArrived() {
        let now = NIODeadline.now()
        while let first = self.bytes.first, first.moment <= now { self.deliver(self.bytes.removeFirst().bytes) }
    }

    private func deliver(_ bytes: ByteBuffer?) {
        if let bytes { self.other.writeAndFlush(bytes, promise: nil) } else { self.other.close(promise: nil) }
    }
}

extension Channel {
    fileprivate func reset() {
        let set = (self as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
        (set ?? self.eventLoop.makeSucceededVoidFuture()).whenComplete { _ in self.close(promise: nil) }
    }
}
