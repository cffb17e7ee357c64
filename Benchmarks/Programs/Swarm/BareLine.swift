public import NIOCore
import NIOPosix

/// What a proxy's delay comes to without any of us: echoes over bare TCP through a proxy of its own.
public final class BareLine: Sendable {
    private let proxy: Proxy
    private let echo: any Channel
    private let group: any EventLoopGroup

    public init(on group: any EventLoopGroup) async throws {
        self.group = group
        self.echo = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Echo()) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        self.proxy = try await Proxy.start(on: group)
        self.proxy.lead(to: self.echo.localAddress?.port)
    }

    /// The median of so many round trips, one after the other, of a message as large as a small hidden state.
    public func roundTrip(delay: Duration, count: Int = 21) async throws -> Duration {
        self.proxy.setDelay(delay)
        let answers = self.group.any().makePromise(of: [Duration].self)
        let channel = try await ClientBootstrap(group: self.group)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Asker(count: count, answers))
                }
            }
            .connect(host: "127.0.0.1", port: self.proxy.port).get()
        let times = try await answers.futureResult.get()
        try await channel.close().get()
        return times.sorted()[times.count / 2]
    }
}

private let messageBytes = 600

private final class Echo: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.write(data, promise: nil) }
    func channelReadComplete(context: ChannelHandlerContext) { context.flush() }
}

/// Sends one message after the other, each when the one before has come back.
private final class Asker: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let count: Int
    private let answers: EventLoopPromise<[Duration]>
    private var times: [Duration] = []
    private var received = 0
    private var sent = ContinuousClock.now

    init(count: Int, _ answers: EventLoopPromise<[Duration]>) {
        (self.count, self.answers) = (count, answers)
    }

    func channelActive(context: ChannelHandlerContext) { self.ask(context) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.received += self.unwrapInboundIn(data).readableBytes
        guard self.received == messageBytes else { return }
        self.times.append(self.sent.duration(to: .now))
        if self.times.count < self.count { self.ask(context) } else { self.answers.succeed(self.times) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { self.answers.fail(error) }

    private func ask(_ context: ChannelHandlerContext) {
        (self.received, self.sent) = (0, .now)
        context.writeAndFlush(NIOAny(ByteBuffer(repeating: 0, count: messageBytes)), promise: nil)
    }
}
