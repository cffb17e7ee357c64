internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// Tells a registry's numbers over HTTP on loopback: `GET /metrics`, one request for each connection.
public struct MetricsServer: Sendable {
    private let registry: PrometheusRegistry
    private let address: MetricsAddress

    public init(_ registry: PrometheusRegistry, at address: MetricsAddress) {
        self.registry = registry
        self.address = address
    }

    /// Answers until the task is cancelled.
    ///
    /// - Parameter listening: told the port once it is open.
    /// - Throws: ``MetricsError`` when the port cannot be opened.
    public func run(listening: @Sendable (Int) -> Void) async throws(MetricsError) {
        let open = NIOLockedValueBox(0)
        let registry = self.registry
        let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(withPipeliningAssistance: false)
                    try channel.pipeline.syncOperations.addHandler(MetricsHandler(registry, open))
                }
            }
        let channel: any Channel
        do {
            channel = try await bootstrap.bind(to: self.address.socketAddress).get()
        } catch {
            throw MetricsError(
                "the numbers cannot be told at \(self.address.socketAddress): \(error). Give another port"
            )
        }
        listening(channel.localAddress?.port ?? 0)
        await withTaskCancellationHandler {
            // Ends when the channel is closed, by an error or below; then there is nothing more to do.
            try? await channel.closeFuture.get()
        } onCancel: {
            channel.close(promise: nil)
        }
    }
}

/// One connection.
private final class MetricsHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let registry: PrometheusRegistry
    /// Connections that are open.
    private let open: NIOLockedValueBox<Int>
    private var head: HTTPRequestHead?

    init(_ registry: PrometheusRegistry, _ open: NIOLockedValueBox<Int>) {
        self.registry = registry
        self.open = open
    }

    func channelActive(context: ChannelHandlerContext) {
        let count = self.open.withLockedValue { open in
            open += 1
            return open
        }
        guard count <= Limits.connections else { return context.close(promise: nil) }
        let channel = context.channel
        context.eventLoop.scheduleTask(in: TimeAmount(Limits.connectionTime)) { channel.close(promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.open.withLockedValue { $0 -= 1 }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body: break
        case .end:
            if let head = self.head { self.answer(head, context) }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let (status, text) = self.reply(to: head)
        var body = context.channel.allocator.buffer(capacity: text.utf8.count)
        body.writeString(text)
        let headers: HTTPHeaders = [
            "content-type": "text/plain; version=0.0.4; charset=utf-8",
            "content-length": "\(body.readableBytes)",
            "connection": "close",
        ]
        let answer = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
        context.write(self.wrapOutboundOut(.head(answer)), promise: nil)
        context.write(self.wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        let channel = context.channel
        context.writeAndFlush(self.wrapOutboundOut(.end(nil))).whenComplete { _ in channel.close(promise: nil) }
    }

    private func reply(to head: HTTPRequestHead) -> (HTTPResponseStatus, String) {
        // A page in a browser can make any name mean this machine; it cannot choose what stands here.
        guard Self.names(thisMachine: head.headers["host"].first) else { return (.forbidden, "ask for 127.0.0.1\n") }
        guard head.uri == "/metrics" else { return (.notFound, "the numbers are at /metrics\n") }
        guard head.method == .GET else { return (.methodNotAllowed, "GET is all there is\n") }
        return (.ok, self.registry.exposition())
    }

    private static func names(thisMachine host: String?) -> Bool {
        guard let host else { return true }
        let name = host.hasSuffix("]") ? host[...] : host.lastIndex(of: ":").map { host[..<$0] } ?? host[...]
        return name == "localhost" || name == "[::1]" || name.hasPrefix("127.") && !name.contains { $0.isLetter }
    }
}
