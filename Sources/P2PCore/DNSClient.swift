import NIOCore
import NIOPosix
import P2PWire

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Asks name servers for TXT records, which the system's own resolver does not hand out.
///
/// One question a datagram, the answer in a datagram of up to 9000 bytes (EDNS(0)); over TCP where a server cuts it.
struct DNSClient: Sendable {
    /// In the order in which they are asked; the next when one does not answer.
    let servers: [SocketAddress]
    let eventLoop: any EventLoop
    /// How long one server may take.
    let patience: Duration

    /// The texts under `name`, the strings of each joined; none when there is no such name.
    ///
    /// - Throws: `dialFailed` when no server answers.
    func texts(of name: DNSName) async throws(P2PError) -> [String] {
        let question = DNSMessage.Question(name, DNSMessage.RecordType.text)
        var failure = P2PError(.dialFailed, "this machine names no DNS server in \(Self.configurationFile)")
        for server in self.servers {
            do throws(P2PError) {
                var answer = try await self.ask(question, of: server, .datagram)
                if answer.isTruncated { answer = try await self.ask(question, of: server, .stream) }
                return Self.texts(in: answer, of: name)
            } catch {
                failure = error
                if Task.isCancelled { break }
            }
        }
        throw failure
    }

    private static func texts(in answer: DNSMessage, of name: DNSName) -> [String] {
        answer.answers.compactMap { record in
            guard record.name == name, case .text(let strings) = record.data else { return nil }
            return String(decoding: strings.joined(), as: UTF8.self)
        }
    }

    private enum Transport {
        case datagram
        case stream
    }

    private func ask(
        _ question: DNSMessage.Question,
        of server: SocketAddress,
        _ transport: Transport
    ) async throws(P2PError) -> DNSMessage {
        let query = DNSMessage(id: .random(in: .min ... .max), questions: [question])
        let promise = self.eventLoop.makePromise(of: DNSMessage.self)
        let timer = self.eventLoop.scheduleTask(in: TimeAmount(clamping: self.patience)) {
            promise.fail(P2PError(.timedOut, "the DNS server \(server) does not answer"))
        }
        defer { timer.cancel() }
        do {
            return try await withTaskCancellationHandler {
                let channel = try await self.connect(to: server, transport, query, promise)
                defer { channel.close(promise: nil) }
                return try await promise.futureResult.get()
            } onCancel: {
                promise.fail(P2PError.cancelled)
            }
        } catch {
            promise.fail(error)
            throw error as? P2PError ?? P2PError(.dialFailed, "the DNS server \(server) cannot be asked: \(error)")
        }
    }

    private func connect(
        to server: SocketAddress,
        _ transport: Transport,
        _ query: DNSMessage,
        _ promise: EventLoopPromise<DNSMessage>
    ) async throws -> any Channel {
        let isFramed = transport == .stream
        let initialize: @Sendable (any Channel) -> EventLoopFuture<Void> = { channel in
            channel.eventLoop.makeCompletedFuture {
                let exchange = DNSExchange(query: query, isFramed: isFramed, answer: promise)
                if !isFramed { try channel.pipeline.syncOperations.addHandler(DatagramEnvelopes(server)) }
                try channel.pipeline.syncOperations.addHandler(exchange)
            }
        }
        switch transport {
        case .datagram:
            return try await DatagramBootstrap(group: self.eventLoop).channelInitializer(initialize)
                .connect(to: server).get()
        case .stream:
            return try await ClientBootstrap(group: self.eventLoop).channelInitializer(initialize)
                .connectTimeout(TimeAmount(clamping: self.patience))
                .connect(to: server).get()
        }
    }

    // MARK: The system's servers

    private static let configurationFile = "/etc/resolv.conf"

    /// The servers that this machine's own resolver asks.
    static func systemServers() -> [SocketAddress] {
        guard let text = try? String(contentsOfFile: Self.configurationFile, encoding: .utf8) else { return [] }
        return Self.servers(in: text)
    }

    static func servers(in configuration: String) -> [SocketAddress] {
        configuration.split(separator: "\n").compactMap { line -> SocketAddress? in
            let words = line.split(whereSeparator: \.isWhitespace)
            guard words.count > 1, words[0] == "nameserver" else { return nil }
            return try? SocketAddress(ipAddress: String(words[1]), port: 53)
        }.prefix(Limits.nameServers).map { $0 }
    }
}

/// One question on a channel of its own, and the first answer that belongs to it.
private final class DNSExchange: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let query: DNSMessage
    /// Over TCP every message stands behind its length.
    private let isFramed: Bool
    private let answer: EventLoopPromise<DNSMessage>
    private var received = ByteBuffer()

    init(query: DNSMessage, isFramed: Bool, answer: EventLoopPromise<DNSMessage>) {
        self.query = query
        self.isFramed = isFramed
        self.answer = answer
    }

    func channelActive(context: ChannelHandlerContext) {
        let message = self.query.bytes(offersLargeAnswers: true)
        var bytes = ByteBuffer()
        if self.isFramed { bytes.writeInteger(UInt16(clamping: message.readableBytes)) }
        bytes.writeImmutableBuffer(message)
        context.writeAndFlush(self.wrapOutboundOut(bytes), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = self.unwrapInboundIn(data)
        guard self.isFramed else { return self.take(bytes) }
        self.received.writeImmutableBuffer(bytes)
        guard self.received.readableBytes <= 2 + Int(UInt16.max) else { return context.close(promise: nil) }
        if let message = self.received.readLengthPrefixedSlice(as: UInt16.self) { self.take(message) }
    }

    /// Whatever else arrives was not asked for: someone guesses.
    private func take(_ bytes: ByteBuffer) {
        guard let message = try? DNSMessage(bytes: bytes), message.isResponse, message.id == self.query.id,
            message.questions == self.query.questions
        else { return }
        guard [0, 3].contains(message.responseCode) else {
            let names = self.query.questions.map(\.name.description).joined()
            let error = P2PError(.dialFailed, "the DNS server refuses \(names) with code \(message.responseCode)")
            return self.answer.fail(error)
        }
        self.answer.succeed(message)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.answer.fail(P2PError(.dialFailed, "the DNS server closed the connection"))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.answer.fail(error)
        context.close(promise: nil)
    }
}

/// Takes datagrams out of their envelopes and puts them in: all come from one server and go to it.
private final class DatagramEnvelopes: ChannelDuplexHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = AddressedEnvelope<ByteBuffer>

    private let server: SocketAddress

    init(_ server: SocketAddress) {
        self.server = server
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.fireChannelRead(self.wrapInboundOut(self.unwrapInboundIn(data).data))
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let envelope = AddressedEnvelope(remoteAddress: self.server, data: self.unwrapOutboundIn(data))
        context.write(self.wrapOutboundOut(envelope), promise: promise)
    }
}
