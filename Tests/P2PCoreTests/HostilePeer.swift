import NIOCore
import NIOPosix
import Testing

@testable import P2PCore
@testable import P2PWire

/// A remote that speaks the protocol by hand, byte by byte where it likes, and breaks it where the test says.
///
/// It keeps to the rules as far as ``secure(as:_:)``, which makes an encrypted connection; what it sends after that, or
/// instead of that, is the test's. One task uses it at a time.
final class HostilePeer {
    let identity: Identity
    private var inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    /// Bytes of the socket that nobody has looked at.
    private var received = ByteBuffer()
    private var noise: NoiseSession?
    private var plaintext = ByteBuffer()

    init(
        _ inbound: NIOAsyncChannelInboundStream<ByteBuffer>,
        _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>,
        identity: Identity
    ) {
        self.inbound = inbound.makeAsyncIterator()
        self.outbound = outbound
        self.identity = identity
    }

    // MARK: Bytes

    /// Sends bytes as they are; a host that has hung up is no failure.
    func send(_ bytes: ByteBuffer) async {
        try? await self.outbound.write(bytes)
    }

    /// Sends each byte in a write of its own.
    func sendByteByByte(_ bytes: ByteBuffer) async {
        for byte in bytes.readableBytesView { await self.send(ByteBuffer(bytes: [byte])) }
    }

    /// Waits for bytes; false once the host has hung up.
    private func receive() async -> Bool {
        guard var bytes = try? await self.inbound.next(isolation: #isolation) else { return false }
        self.received.writeBuffer(&bytes)
        return true
    }

    /// Reads until the host hangs up, and returns how many bytes came.
    @discardableResult
    func untilClosed() async -> Int {
        while await self.receive() {}
        return self.received.readableBytes
    }

    // MARK: Noise

    /// Proves who it is, or claims to be somebody else.
    ///
    /// - Parameters:
    ///   - forge: changes the proof before it is sent.
    ///   - write: how the handshake's bytes leave.
    func secure(
        as role: ConnectionRole,
        forge: (inout NoisePayload) -> Void = { _ in },
        write: (HostilePeer, ByteBuffer) async -> Void = { await $0.send($1) }
    ) async throws {
        let staticKey = NoiseKeyPair()
        var state = NoiseHandshakeState(role: role, staticKey: staticKey, ephemeralKey: NoiseKeyPair())
        var payload = NoisePayload(identity: self.identity, staticKey: staticKey, muxers: [ConnectionUpgrade.muxer])
        forge(&payload)
        var bytes = ByteBuffer()
        Multistream.write(Multistream.header, into: &bytes)
        Multistream.write(ConnectionUpgrade.security.name, into: &bytes)
        if role == .dialer { bytes.writeNoiseMessage(try state.write(payload: [])) }
        await write(self, bytes)
        // The host's header and its word on Noise.
        for _ in 0..<2 { _ = try await self.next { try Multistream.read(from: &$0) } }
        while !state.isComplete {
            if state.isOurTurn {
                bytes.clear()
                bytes.writeNoiseMessage(try state.write(payload: payload.bytes))
                await write(self, bytes)
            } else {
                _ = try state.read(try await self.next { $0.readNoiseMessage() })
            }
        }
        self.noise = state.split()
    }

    /// The host ended the connection while this side waited for more.
    struct HungUp: Error {}

    private func next<Value>(_ read: (inout ByteBuffer) throws -> Value?) async throws -> Value {
        while true {
            if let value = try read(&self.received) { return value }
            guard await self.receive() else { throw HungUp() }
        }
    }

    /// What `plaintext` is encrypted: one message for each `size` bytes.
    func encrypt(_ plaintext: ByteBuffer, size: Int = NoiseSession.messageCapacity) throws -> ByteBuffer {
        var plaintext = plaintext
        var message = ByteBuffer()
        while var piece = plaintext.readSlice(length: min(size, plaintext.readableBytes)), piece.readableBytes > 0 {
            let start = NoiseSession.beginMessage(in: &message)
            message.writeBuffer(&piece)
            try self.noise?.seal(from: start, in: &message)
        }
        return message
    }

    // MARK: Frames

    func send(_ frames: HostileFrame...) async throws {
        await self.send(try self.encrypt(HostileFrame.bytes(of: frames)))
    }

    func send(_ frames: [HostileFrame]) async throws {
        await self.send(try self.encrypt(HostileFrame.bytes(of: frames)))
    }

    /// The next frame of the host; nil once it has hung up.
    func nextFrame() async throws -> HostileFrame? {
        while true {
            if let frame = try HostileFrame(reading: &self.plaintext) { return frame }
            guard await self.receive() else { return nil }
            try self.noise?.open(&self.received, into: &self.plaintext)
        }
    }

    /// The host's next frame that `isWanted`; nil once it has hung up.
    func nextFrame(where isWanted: (HostileFrame) -> Bool) async throws -> HostileFrame? {
        while let frame = try await self.nextFrame() {
            if isWanted(frame) { return frame }
        }
        return nil
    }

    /// Why the host leaves: the reason of its GoAway, nil when it hangs up without one.
    func reasonOfLeaving() async throws -> YamuxGoAway? {
        let frame = try await self.nextFrame { $0.header.kind == .goAway }
        await self.untilClosed()
        return frame.flatMap { YamuxGoAway(rawValue: $0.header.length) }
    }
}

/// A Yamux frame whose header may say anything of its body.
struct HostileFrame: Equatable {
    var header: YamuxHeader
    var body = ByteBuffer()

    init(_ header: YamuxHeader, body: ByteBuffer = ByteBuffer()) {
        self.header = header
        self.body = body
    }

    /// Bytes on a stream.
    static func data(_ id: UInt32, _ flags: YamuxHeader.Flags = [], _ body: ByteBuffer) -> HostileFrame {
        let length = UInt32(body.readableBytes)
        return HostileFrame(YamuxHeader(.data, flags, stream: StreamID(rawValue: id), length: length), body: body)
    }

    static func window(_ id: UInt32, _ flags: YamuxHeader.Flags = [], _ length: UInt32 = 0) -> HostileFrame {
        HostileFrame(YamuxHeader(.windowUpdate, flags, stream: StreamID(rawValue: id), length: length))
    }

    static func ping(_ flags: YamuxHeader.Flags, _ value: UInt32) -> HostileFrame {
        HostileFrame(YamuxHeader(.ping, flags, stream: .session, length: value))
    }

    static func goAway(_ reason: YamuxGoAway) -> HostileFrame {
        HostileFrame(YamuxHeader(.goAway, stream: .session, length: reason.rawValue))
    }

    /// Opens a stream, proposes its protocol, and sends the first bytes with it.
    static func request(_ id: UInt32, _ protocolID: ProtocolID, _ payload: ByteBuffer = ByteBuffer()) -> HostileFrame {
        var body = ByteBuffer()
        Multistream.write(Multistream.header, into: &body)
        Multistream.write(protocolID.name, into: &body)
        body.writeImmutableBuffer(payload)
        return .data(id, .syn, body)
    }

    static func bytes(of frames: [HostileFrame]) -> ByteBuffer {
        var bytes = ByteBuffer()
        for frame in frames {
            frame.header.write(into: &bytes)
            bytes.writeImmutableBuffer(frame.body)
        }
        return bytes
    }

    /// Takes a whole frame off `bytes`; nil, and nothing taken, while it has not all arrived.
    init?(reading bytes: inout ByteBuffer) throws {
        var rest = bytes
        guard let header = try YamuxHeader(reading: &rest) else { return nil }
        guard let body = rest.readSlice(length: header.kind == .data ? Int(header.length) : 0) else { return nil }
        bytes = rest
        self.init(header, body: body)
    }
}

extension ByteBuffer {
    fileprivate mutating func writeNoiseMessage(_ message: [UInt8]) {
        self.writeInteger(UInt16(message.count))
        self.writeBytes(message)
    }

    /// A message of the handshake; nil, and nothing taken, while it has not all arrived.
    fileprivate mutating func readNoiseMessage() -> [UInt8]? {
        self.readLengthPrefixedSlice(as: UInt16.self).map { Array($0.readableBytesView) }
    }
}

extension HostilePeer {
    /// Connects to a host.
    static func dial<Value: Sendable>(
        _ host: Host,
        identity: Identity = Identity(),
        _ body: (HostilePeer) async throws -> Value
    ) async throws -> Value {
        let port = try #require(host.listenAddresses.first?.tcpEndpoint?.port)
        let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connect(host: "127.0.0.1", port: Int(port)) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            try await body(HostilePeer(inbound, outbound, identity: identity))
        }
    }

    /// Listens, treats whoever comes as `behave` says, and lets `body` dial it.
    static func listen(
        identity: Identity = Identity(),
        _ behave: @escaping @Sendable (HostilePeer) async throws -> Void,
        _ body: (PeerInfo) async throws -> Void
    ) async throws {
        let server = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .bind(host: "127.0.0.1", port: 0) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        let address = try Multiaddr("/ip4/127.0.0.1/tcp/\(server.channel.localAddress?.port ?? 0)")
        let serving = Task {
            try await server.executeThenClose { clients in
                try await withThrowingDiscardingTaskGroup { group in
                    for try await client in clients {
                        group.addTask {
                            try? await client.executeThenClose { inbound, outbound in
                                try await behave(HostilePeer(inbound, outbound, identity: identity))
                            }
                        }
                    }
                }
            }
        }
        do {
            try await body(PeerInfo(id: identity.peerID, addresses: [address]))
        } catch {
            serving.cancel()
            throw error
        }
        // Whoever is connected sees the host hang up first.
        try await server.channel.close()
        try await serving.value
    }
}

extension HostilePeer {
    /// The bytes of a stream behind the host's answer to the negotiation, `count` of them.
    func payload(of id: UInt32, count: Int) async throws -> ByteBuffer? {
        var bytes = ByteBuffer()
        var tokens = 0
        while let frame = try await self.nextFrame(where: { $0.header.stream.rawValue == id }) {
            bytes.writeImmutableBuffer(frame.body)
            while tokens < 2, try Multistream.read(from: &bytes) != nil { tokens += 1 }
            if tokens == 2, bytes.readableBytes >= count { return bytes.readSlice(length: count) }
            if frame.header.flags.contains(.rst) { return nil }
        }
        return nil
    }

    /// Opens a stream like anybody else and expects its bytes back.
    func expectEcho(on id: UInt32, _ bytes: ByteBuffer) async throws {
        try await self.send(.request(id, "/echo", bytes))
        let echo = try await self.payload(of: id, count: bytes.readableBytes)
        #expect(echo == bytes)
    }

    /// Expects that the host resets the stream.
    func expectReset(of id: UInt32) async throws {
        let reset = try await self.nextFrame { $0.header.stream.rawValue == id && $0.header.flags.contains(.rst) }
        #expect(reset != nil)
    }

    /// Pings the host and returns what it sends before it answers.
    func framesBeforeAnswer(to value: UInt32) async throws -> [HostileFrame] {
        try await self.send(.ping(.syn, value))
        var before: [HostileFrame] = []
        while let frame = try await self.nextFrame() {
            if frame == .ping(.ack, value) { return before }
            before.append(frame)
        }
        throw HungUp()
    }

    /// Expects that the host still answers.
    func expectAnswer(to value: UInt32) async throws {
        _ = try await self.framesBeforeAnswer(to: value)
    }
}

extension Host {
    /// Waits until the host holds nothing but what `peer` has of it; the suite's time limit bounds that.
    func expectNothingLeft(but peer: PeerID) async throws {
        while self.connectedPeers != [peer]
            || self.book.usage(of: .transient).total != .none
            || self.book.usage(of: .system).total != self.book.usage(of: .peer(peer)).total
        {
            // Nothing tells of it, and other tests need the thread.
            try await pause(for: .milliseconds(2))
        }
    }
}
