import NIOCore
import NIOPosix
import P2PWire

/// A DNS server on a loopback port, UDP and TCP, that knows texts.
final class NameServer: Sendable {
    let port: Int
    private let datagrams: any Channel
    private let streams: any Channel

    /// - Parameter cutsDatagrams: over UDP, answer only that the answer does not fit.
    init(cutsDatagrams: Bool = false, _ texts: @escaping @Sendable (String) -> [String]) async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let answer: @Sendable (ByteBuffer, Bool) -> ByteBuffer = { bytes, isCut in
            guard var message = try? DNSMessage(bytes: bytes), let question = message.questions.first else {
                return ByteBuffer()
            }
            message.isResponse = true
            message.isTruncated = isCut
            message.additionals = []
            let found = isCut ? [] : texts(question.name.description)
            message.answers = found.map { .init(question.name, timeToLive: 1, .text([Array($0.utf8)])) }
            message.responseCode = found.isEmpty && !isCut ? 3 : 0
            return message.bytes()
        }
        self.streams = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(StreamAnswers(answer))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        self.port = self.streams.localAddress?.port ?? 0
        self.datagrams = try await DatagramBootstrap(group: group)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(DatagramAnswers(cutsDatagrams, answer))
                }
            }
            .bind(host: "127.0.0.1", port: self.port).get()
    }

    func close() async {
        try? await self.datagrams.close()
        try? await self.streams.close()
    }
}

private final class DatagramAnswers: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundOut = AddressedEnvelope<ByteBuffer>

    private let isCut: Bool
    private let answer: @Sendable (ByteBuffer, Bool) -> ByteBuffer

    init(_ isCut: Bool, _ answer: @escaping @Sendable (ByteBuffer, Bool) -> ByteBuffer) {
        self.isCut = isCut
        self.answer = answer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = self.unwrapInboundIn(data)
        let answer = AddressedEnvelope(
            remoteAddress: envelope.remoteAddress,
            data: self.answer(envelope.data, self.isCut)
        )
        context.writeAndFlush(self.wrapOutboundOut(answer), promise: nil)
    }
}

private final class StreamAnswers: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let answer: @Sendable (ByteBuffer, Bool) -> ByteBuffer
    private var received = ByteBuffer()

    init(_ answer: @escaping @Sendable (ByteBuffer, Bool) -> ByteBuffer) {
        self.answer = answer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.received.writeImmutableBuffer(self.unwrapInboundIn(data))
        guard let message = self.received.readLengthPrefixedSlice(as: UInt16.self) else { return }
        let answer = self.answer(message, false)
        var bytes = ByteBuffer(integer: UInt16(answer.readableBytes))
        bytes.writeImmutableBuffer(answer)
        context.writeAndFlush(self.wrapOutboundOut(bytes), promise: nil)
    }
}
