import NIOCore
import NIOPosix

/// Runs `body` with an echo over one bare TCP connection of this process, with the same event loops and executor
/// hand-overs that the libp2p stack has.
func withTCPEcho(_ body: ((ByteBuffer) async throws -> Void) async throws -> Void) async throws {
    let server = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
        .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
        .childChannelInitializer { channel in
            channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(EchoHandler()) }
        }
        .bind(host: "127.0.0.1", port: 0)
        .get()
    let client = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
        .channelOption(.tcpOption(.tcp_nodelay), value: 1)
        .connect(to: server.localAddress!) { channel in
            channel.eventLoop.makeCompletedFuture {
                try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
            }
        }
    try await client.executeThenClose { inbound, outbound in
        var inbound = inbound.makeAsyncIterator()
        try await body { message in
            try await outbound.write(message)
            var missing = message.readableBytes
            while missing > 0, let bytes = try await inbound.next(isolation: #isolation) {
                missing -= bytes.readableBytes
            }
        }
    }
    try await server.close()
}

private final class EchoHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.write(data, promise: nil)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.flush()
    }
}
