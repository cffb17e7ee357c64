import Foundation
public import NIOCore
import NIOPosix

/// What the way of a token comes to without any of us: echoes over bare TCP.
///
/// As many processes as there are hops, each behind a proxy of its own, are asked in turn by one thread of this process. So
/// a message wakes as many threads and processes as one of a step does, and each has slept for as long.
public final class BareLine: Sendable {
    /// With this argument alone, the program is to call ``serveEchoes()``.
    public static let argument = "--echo"

    private let proxies: [Proxy]
    private let echoes: [RunningProcess]
    private let group: any EventLoopGroup

    /// - Parameters:
    ///   - program: this one, as it was called.
    ///   - folder: where the processes may live.
    public init(hops: Int, program: String, folder: String, on group: any EventLoopGroup) async throws {
        var (proxies, echoes): ([Proxy], [RunningProcess]) = ([], [])
        for hop in 0..<hops {
            let echo = try RunningProcess(program, [Self.argument], folder: "\(folder)/echo-\(hop)")
            echoes.append(echo)
            guard let port = try echo.readLine().flatMap({ Int($0) }) else {
                throw Failure("\(program) echoes nothing")
            }
            let proxy = try await Proxy.start(on: group)
            proxy.lead(to: port)
            proxies.append(proxy)
        }
        (self.proxies, self.echoes, self.group) = (proxies, echoes, group)
    }

    /// Ends the processes.
    public func stop() { for echo in self.echoes { echo.stop() } }

    /// Echoes what it is sent, at a port that it prints, until the process is ended.
    public static func serveEchoes() async throws {
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Echo()) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        // `print` keeps what goes to a pipe.
        try FileHandle.standardOutput.write(contentsOf: Data("\(listener.localAddress?.port ?? 0)\n".utf8))
        try await listener.closeFuture.get()
    }

    /// How long each of so many turns took, in which every process is asked once, with a message as large as a small
    /// hidden state.
    public func turns(delay: Duration, count: Int = 15) async throws -> [Duration] {
        for proxy in self.proxies { proxy.setDelay(delay) }
        let loop = self.group.any()
        let times = loop.makePromise(of: [Duration].self)
        let turns = try await loop.submit { NIOLoopBound(Turns(count: count, times), eventLoop: loop) }.get()
        var channels: [any Channel] = []
        for proxy in self.proxies {
            let channel = try await ClientBootstrap(group: loop)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(Asker(turns.value))
                    }
                }
                .connect(host: "127.0.0.1", port: proxy.port).get()
            channels.append(channel)
        }
        loop.execute { [channels] in turns.value.begin(over: channels) }
        let taken = try await times.futureResult.get()
        for channel in channels { try await channel.close().get() }
        return taken
    }
}

private let messageBytes = 600

private final class Echo: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.write(data, promise: nil) }
    func channelReadComplete(context: ChannelHandlerContext) { context.flush() }
}

/// Asks one after the other, each when the one before has answered. Lives on one event loop.
private final class Turns {
    private let count: Int
    private let promise: EventLoopPromise<[Duration]>
    private var channels: [any Channel] = []
    private var times: [Duration] = []
    private var began = ContinuousClock.now
    private var next = 0
    private var received = 0

    init(count: Int, _ promise: EventLoopPromise<[Duration]>) {
        (self.count, self.promise) = (count, promise)
    }

    func begin(over channels: [any Channel]) {
        (self.channels, self.began) = (channels, .now)
        self.ask()
    }

    func received(_ byteCount: Int) {
        self.received += byteCount
        guard self.received == messageBytes else { return }
        if self.next == self.channels.count {
            self.times.append(self.began.duration(to: .now))
            guard self.times.count < self.count else { return self.promise.succeed(self.times) }
            (self.next, self.began) = (0, .now)
        }
        self.ask()
    }

    func failed(_ error: any Error) { self.promise.fail(error) }

    private func ask() {
        self.received = 0
        defer { self.next += 1 }
        self.channels[self.next].writeAndFlush(ByteBuffer(repeating: 0, count: messageBytes), promise: nil)
    }
}

private final class Asker: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let turns: Turns

    init(_ turns: Turns) { self.turns = turns }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.turns.received(self.unwrapInboundIn(data).readableBytes)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { self.turns.failed(error) }
}
