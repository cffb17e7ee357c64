import NIOCore
import Testing

@testable import P2PCore
@testable import P2PWire

/// Whoever a host dials: it may say anything, and whoever waits for it gets an error that says what happened.
@Suite(.timeLimit(.minutes(2))) struct HostileListenerTests {
    private let hello = ByteBuffer(string: "hello")

    /// A host that dials a hostile listener, while a stream to a good peer must live on; of the listener nothing may be
    /// left.
    private func withHost(
        dialing behave: @escaping @Sendable (HostilePeer) async throws -> Void,
        _ configure: (inout Host.Configuration) -> Void = { _ in },
        _ body: @Sendable (Host, PeerInfo) async throws -> Void
    ) async throws {
        try await withTwoHosts(client: configure) { server, client, peer in
            server.handle("/echo", limit: 16, echo)
            let stream = try await client.openStream("/echo", to: peer)
            try await HostilePeer.listen(behave) { hostile in
                try await body(client, hostile)
                await client.disconnect(hostile.id)
            }
            try await stream.writeFrame(self.hello)
            #expect(try await stream.readFrame(limit: 16) == self.hello)
            try await client.expectNothingLeft(but: peer.id)
        }
    }

    /// For listeners that wait for the host to lose its patience; the good peer must be reached within that, too.
    private static func impatient(_ configuration: inout Host.Configuration) {
        configuration.timeouts.upgrade = .seconds(3)
        configuration.timeouts.negotiation = .seconds(3)
    }

    private func expectError(
        _ code: P2PError.Code,
        _ sourceLocation: SourceLocation = #_sourceLocation,
        _ body: () async throws -> Void
    ) async {
        let error = await #expect(throws: P2PError.self, sourceLocation: sourceLocation) { try await body() }
        #expect(error?.code == code, "\(String(describing: error))", sourceLocation: sourceLocation)
    }

    // MARK: Who it is

    @Test func `an identity whose key it does not have is not believed`() async throws {
        let claimed = Identity()
        let forge: @Sendable (HostilePeer) async throws -> Void = { peer in
            do {
                try await peer.secure(as: .listener, forge: { $0.identityKey = claimed.publicKey.protobuf })
                Issue.record("the host went on with the handshake")
            } catch is HostilePeer.HungUp {}
        }
        try await self.withHost(dialing: forge) { host, peer in
            let victim = PeerInfo(id: claimed.peerID, addresses: peer.addresses)
            await self.expectError(.handshakeFailed) { try await host.connect(to: victim) }
            #expect(!host.connectedPeers.contains(claimed.peerID))
        }
    }

    @Test func `another peer than the one dialed is not taken for it`() async throws {
        try await self.withHost(dialing: { try await $0.secure(as: .listener) }) { host, peer in
            let other = PeerInfo(id: Identity().peerID, addresses: peer.addresses)
            await self.expectError(.wrongPeer) { try await host.connect(to: other) }
        }
    }

    @Test func `a listener that names no muxer of ours is not connected to`() async throws {
        let foreign: @Sendable (HostilePeer) async throws -> Void = { peer in
            try await peer.secure(as: .listener, forge: { $0.muxers = ["/mplex/6.7.0"] })
        }
        try await self.withHost(dialing: foreign) { host, peer in
            await self.expectError(.handshakeFailed) { try await host.connect(to: peer) }
        }
    }

    // MARK: Silence, slowness, and an early end

    @Test(arguments: HostileDialerTests.Stage.allCases)
    func `silence in the handshake ends the dial`(stage: HostileDialerTests.Stage) async throws {
        let fallSilent: @Sendable (HostilePeer) async throws -> Void = { peer in
            await peer.send(stage.bytes)
            await peer.untilClosed()
        }
        try await self.withHost(dialing: fallSilent, Self.impatient) { host, peer in
            await self.expectError(.timedOut) { try await host.connect(to: peer) }
        }
    }

    @Test func `silence right after the handshake ends the dial`() async throws {
        let fallSilent: @Sendable (HostilePeer) async throws -> Void = { peer in
            try await peer.secure(as: .listener)
            await peer.untilClosed()
        }
        try await self.withHost(dialing: fallSilent, Self.impatient) { host, peer in
            await self.expectError(.timedOut) { try await host.connect(to: peer) }
        }
    }

    @Test(arguments: HostileDialerTests.Stage.allCases)
    func `a listener that hangs up ends the dial at once`(stage: HostileDialerTests.Stage) async throws {
        try await self.withHost(dialing: { await $0.send(stage.bytes) }) { host, peer in
            await self.expectError(.handshakeFailed) { try await host.connect(to: peer) }
        }
    }

    @Test func `a listener that does not agree to a protocol costs the stream and is kept`() async throws {
        try await self.withHost(dialing: Self.answerPings, { $0.timeouts.negotiation = .seconds(3) }) { host, peer in
            await self.expectError(.timedOut) { _ = try await host.openStream("/echo", to: peer) }
            #expect(host.connectionCount(with: peer.id) == 1)
        }
    }

    // MARK: How bytes are cut

    @Test func `a listener that sends one byte at a time is understood`() async throws {
        let trickle: @Sendable (HostilePeer) async throws -> Void = { peer in
            try await peer.secure(as: .listener, write: { await $0.sendByteByByte($1) })
            let id = try await peer.agree(to: "/echo")
            let frames = HostileFrame.bytes(of: [.answer(id, "/echo", ByteBuffer(string: "hello"))])
            await peer.sendByteByByte(try peer.encrypt(frames, size: 1))
            await peer.untilClosed()
        }
        try await self.withHost(dialing: trickle) { host, peer in
            let stream = try await host.openStream("/echo", to: peer)
            #expect(try await stream.read(exactly: 5) == self.hello)
        }
    }

    @Test func `an answer that shares its frame with the agreement arrives whole`() async throws {
        let coalesce: @Sendable (HostilePeer) async throws -> Void = { peer in
            try await peer.secure(as: .listener)
            let id = try await peer.agree(to: "/echo")
            var frame = HostileFrame.answer(id, "/echo", ByteBuffer(string: "hello"))
            frame.header.flags = [.ack, .fin]
            try await peer.send(frame)
            await peer.untilClosed()
        }
        try await self.withHost(dialing: coalesce) { host, peer in
            let stream = try await host.openStream("/echo", to: peer)
            #expect(try await stream.read(exactly: 5) == self.hello)
            #expect(try await stream.read() == nil)
        }
    }

    // MARK: What costs the connection

    @Test func `more than the window ends the connection and its streams with a word`() async throws {
        let overrun: @Sendable (HostilePeer) async throws -> Void = { peer in
            try await peer.secure(as: .listener)
            let id = try await peer.agree(to: "/echo")
            try await peer.expectAnswer(to: 7)
            try await peer.send(.answer(id, "/echo", ByteBuffer()), .overrun(id))
            #expect(try await peer.reasonOfLeaving() == .protocolError)
        }
        try await self.withHost(dialing: overrun) { host, peer in
            let stream = try await host.openStream("/echo", to: peer)
            await self.expectError(.connectionLost) { while try await stream.read() != nil {} }
        }
    }

    @Test func `credit above 32 bits ends the connection and its streams with a word`() async throws {
        let overflow: @Sendable (HostilePeer) async throws -> Void = { peer in
            try await peer.secure(as: .listener)
            let id = try await peer.agree(to: "/echo")
            try await peer.expectAnswer(to: 7)
            try await peer.send(.answer(id, "/echo", ByteBuffer()), .window(id, [], .max))
            #expect(try await peer.reasonOfLeaving() == .protocolError)
        }
        try await self.withHost(dialing: overflow) { host, peer in
            let stream = try await host.openStream("/echo", to: peer)
            await self.expectError(.connectionLost) { while try await stream.read() != nil {} }
        }
    }

    @Test func `a connection that is cut ends its streams with a word`() async throws {
        let cut: @Sendable (HostilePeer) async throws -> Void = { peer in
            try await peer.secure(as: .listener)
            let id = try await peer.agree(to: "/echo")
            try await peer.send(.answer(id, "/echo", ByteBuffer(string: "hel")))
        }
        try await self.withHost(dialing: cut) { host, peer in
            let stream = try await host.openStream("/echo", to: peer)
            await self.expectError(.connectionLost) { _ = try await stream.read(exactly: 5) }
        }
    }

    // MARK: What costs a stream

    @Test func `a listener that resets every stream keeps its connection`() async throws {
        let reset: @Sendable (HostilePeer) async throws -> Void = { peer in
            try await peer.secure(as: .listener)
            while let frame = try await peer.nextFrame() {
                if frame.header.kind == .ping { try await peer.send(.ping(.ack, frame.header.length)) }
                if frame.header.flags.contains(.syn), frame.header.kind != .ping {
                    try await peer.send(.window(frame.header.stream.rawValue, .rst))
                }
            }
        }
        try await self.withHost(dialing: reset) { host, peer in
            for _ in 0..<100 {
                await self.expectError(.streamReset) { _ = try await host.openStream("/echo", to: peer) }
            }
            #expect(host.connectionCount(with: peer.id) == 1)
        }
    }

    @Test(arguments: ["/other", "na", "\u{7f}"])
    func `a wrong answer costs the stream and keeps the connection`(answer: String) async throws {
        let agreeToOther: @Sendable (HostilePeer) async throws -> Void = { peer in
            try await peer.secure(as: .listener)
            let id = try await peer.agree(to: "/echo")
            try await peer.send(.answer(id, ProtocolID(answer), ByteBuffer()))
            await peer.untilClosed()
        }
        try await self.withHost(dialing: agreeToOther) { host, peer in
            await self.expectError(answer == "na" ? .unsupportedProtocol : .malformed) {
                _ = try await host.openStream("/echo", to: peer)
            }
            #expect(host.connectionCount(with: peer.id) == 1)
        }
    }

    @Test func `an end in place of an agreement is a reset`() async throws {
        let end: @Sendable (HostilePeer) async throws -> Void = { peer in
            try await peer.secure(as: .listener)
            let id = try await peer.agree(to: "/echo")
            try await peer.send(.window(id, [.ack, .fin]))
            await peer.untilClosed()
        }
        try await self.withHost(dialing: end) { host, peer in
            await self.expectError(.streamReset) { _ = try await host.openStream("/echo", to: peer) }
        }
    }

    // MARK: Goodbyes

    @Test func `after a goodbye open streams end in order and new ones dial anew`() async throws {
        let leave: @Sendable (HostilePeer) async throws -> Void = { peer in
            try await peer.secure(as: .listener)
            let id = try await peer.agree(to: "/echo")
            try await peer.send(.goAway(.normal), .answer(id, "/echo", ByteBuffer(string: "hello")), .window(id, .fin))
            await peer.untilClosed()
        }
        try await self.withHost(dialing: leave) { host, peer in
            let first = try await host.openStream("/echo", to: peer)
            #expect(try await first.read(exactly: 5) == self.hello)
            #expect(try await first.read() == nil)
            let second = try await host.openStream("/echo", to: peer)
            #expect(try await second.read(exactly: 5) == self.hello)
            #expect(host.connectionCount(with: peer.id) == 2)
        }
    }

    /// Keeps the connection and says nothing else.
    private static let answerPings: @Sendable (HostilePeer) async throws -> Void = { peer in
        try await peer.secure(as: .listener)
        while let frame = try await peer.nextFrame() {
            if frame.header.kind == .ping { try await peer.send(.ping(.ack, frame.header.length)) }
        }
    }
}

extension HostileFrame {
    /// Announces as much as a whole window holds, which is too much after anything else. Its body does not follow: a host
    /// that hangs up on unread bytes resets the socket, and its goodbye is lost with that.
    static func overrun(_ id: UInt32) -> HostileFrame {
        HostileFrame(YamuxHeader(.data, stream: StreamID(rawValue: id), length: 262_144))
    }

    /// Agrees to a protocol, and sends the first bytes with that.
    static func answer(_ id: UInt32, _ protocolID: ProtocolID, _ payload: ByteBuffer) -> HostileFrame {
        var frame = Self.request(id, protocolID, payload)
        frame.header.flags = .ack
        return frame
    }
}

extension HostilePeer {
    /// Waits until the host proposes a protocol on a stream of its own, and returns the stream; pings are answered, all
    /// else is left alone.
    func agree(to protocolID: ProtocolID) async throws -> UInt32 {
        while let frame = try await self.nextFrame() {
            if frame.header.kind == .ping { try await self.send(.ping(.ack, frame.header.length)) }
            if String(buffer: frame.body).contains("\(protocolID)\n") { return frame.header.stream.rawValue }
        }
        throw HungUp()
    }
}
