import NIOCore
import Testing

@testable import P2PCore
@testable import P2PWire

/// Whoever dials a host: it may say anything, and costs itself a stream or a connection, never others theirs.
@Suite(.timeLimit(.minutes(2))) struct HostileDialerTests {
    private let hello = ByteBuffer(string: "hello")

    /// A host that serves `/echo`, under attack; a good peer's stream must come through it, and of the attacker nothing may
    /// be left.
    private func withHostUnderAttack(
        _ configure: (inout Host.Configuration) -> Void = { _ in },
        _ attack: @Sendable (Host) async throws -> Void
    ) async throws {
        try await withTwoHosts(server: configure) { server, client, peer in
            server.handle("/echo", limit: 16, limitPerPeer: 8, echo)
            let stream = try await client.openStream("/echo", to: peer)
            try await attack(server)
            try await stream.writeFrame(self.hello)
            #expect(try await stream.readFrame(limit: 16) == self.hello)
            try await server.expectNothingLeft(but: client.peerID)
        }
    }

    /// For attacks that wait for the host to lose its patience; the good peer must be served within that, too.
    private static func impatient(_ configuration: inout Host.Configuration) {
        configuration.timeouts.upgrade = .seconds(3)
        configuration.timeouts.negotiation = .seconds(3)
    }

    // MARK: Who it is

    @Test func `an identity whose key it does not have gets it nowhere`() async throws {
        try await self.withHostUnderAttack { host in
            try await HostilePeer.dial(host) { peer in
                let claimed = Identity()
                try await peer.secure(as: .dialer, forge: { $0.identityKey = claimed.publicKey.protobuf })
                // A host that believed it would have said something on the connection.
                #expect(await peer.untilClosed() == 0)
                #expect(!host.connectedPeers.contains(claimed.peerID))
            }
        }
    }

    @Test func `a proof that was made for another handshake gets it nowhere`() async throws {
        try await self.withHostUnderAttack { host in
            try await HostilePeer.dial(host) { peer in
                let old = NoisePayload(identity: peer.identity, staticKey: NoiseKeyPair(), muxers: nil)
                try await peer.secure(as: .dialer, forge: { $0 = old })
                #expect(await peer.untilClosed() == 0)
                #expect(!host.connectedPeers.contains(peer.identity.peerID))
            }
        }
    }

    @Test func `a key that is none gets it nowhere`() async throws {
        try await self.withHostUnderAttack { host in
            try await HostilePeer.dial(host) { peer in
                // A length of 256 MiB with nothing behind it.
                let key: [UInt8] = [0x08, 0x01, 0x12, 0xff, 0xff, 0xff, 0x7f]
                try await peer.secure(as: .dialer, forge: { $0.identityKey = key })
                #expect(await peer.untilClosed() == 0)
            }
        }
    }

    // MARK: Silence and slowness

    enum Stage: CaseIterable {
        case nothing, header, halfAToken, proposal, halfAMessage

        /// What is said before it falls silent.
        var bytes: ByteBuffer {
            var bytes = ByteBuffer()
            if self != .nothing { Multistream.write(Multistream.header, into: &bytes) }
            switch self {
            case .nothing, .header: break
            case .halfAToken: bytes.writeBytes([7, UInt8(ascii: "/")])
            case .proposal: Multistream.write("/noise", into: &bytes)
            case .halfAMessage:
                Multistream.write("/noise", into: &bytes)
                bytes.writeBytes([0, 32, 1, 2, 3])
            }
            return bytes
        }
    }

    @Test(arguments: Stage.allCases) func `silence in the handshake ends it`(stage: Stage) async throws {
        try await self.withHostUnderAttack(Self.impatient) { host in
            try await HostilePeer.dial(host) { peer in
                await peer.send(stage.bytes)
                await peer.untilClosed()
            }
        }
    }

    @Test func `a trickle of bytes does not stretch the handshake`() async throws {
        try await self.withHostUnderAttack(Self.impatient) { host in
            try await HostilePeer.dial(host) { peer in
                // 1024 bytes of one token: the rhythm of the attack, which nothing waits for.
                await peer.send(ByteBuffer(bytes: [0xff, 0x07]))
                while host.book.usage(of: .transient).total.connections > 0 {
                    await peer.send(ByteBuffer(bytes: [0x61]))
                    try await pause(for: .milliseconds(50))
                }
                await peer.untilClosed()
            }
        }
    }

    @Test func `silence after the handshake ends when no ping is answered`() async throws {
        let sleepy = { (configuration: inout Host.Configuration) in
            configuration.timeouts.keepalive = .milliseconds(300)
            configuration.timeouts.pong = .milliseconds(300)
        }
        // No good peer here: on a busy machine it might not answer in that time either.
        try await withTwoHosts(server: sleepy) { host, _, _ in
            try await HostilePeer.dial(host) { peer in
                try await peer.secure(as: .dialer)
                // The first ping is the handshake's; the second asks for a sign of life.
                _ = try await peer.nextFrame { $0.header.kind == .ping }
                await peer.untilClosed()
            }
        }
    }

    @Test func `a stream that never says what it speaks is reset and the connection lives`() async throws {
        try await self.withHostUnderAttack(Self.impatient) { host in
            try await HostilePeer.dial(host) { peer in
                try await peer.secure(as: .dialer)
                try await peer.send(.data(1, .syn, ByteBuffer(bytes: [0x13])))
                try await peer.expectReset(of: 1)
                try await peer.expectEcho(on: 3, self.hello)
            }
        }
    }

    /// What go-libp2p and rust-libp2p send when they know what a peer speaks, and the peer has changed its mind.
    @Test func `a refusal reaches a dialer that has sent its payload already`() async throws {
        try await self.withHostUnderAttack { host in
            try await HostilePeer.dial(host) { peer in
                try await peer.secure(as: .dialer)
                try await peer.send(.request(1, "/no/such/protocol", ByteBuffer(repeating: 0x7f, count: 1_000)))
                try await peer.send(.data(1, [], ByteBuffer(repeating: 0x7f, count: 1_000)))
                var expected = ByteBuffer()
                Multistream.write(Multistream.header, into: &expected)
                Multistream.write(Multistream.notAvailable, into: &expected)
                var answer = ByteBuffer()
                while let frame = try await peer.nextFrame(where: { $0.header.stream.rawValue == 1 }) {
                    answer.writeImmutableBuffer(frame.body)
                    #expect(!frame.header.flags.contains(.rst))
                    if frame.header.flags.contains(.fin) { break }
                }
                #expect(answer == expected)
                try await peer.send(.window(1, .rst))
                try await peer.expectEcho(on: 3, self.hello)
            }
        }
    }

    // MARK: How bytes are cut

    @Test func `everything one byte at a time works`() async throws {
        try await self.withHostUnderAttack { host in
            try await HostilePeer.dial(host) { peer in
                try await peer.secure(as: .dialer, write: { await $0.sendByteByByte($1) })
                let frames = HostileFrame.bytes(of: [.request(1, "/echo", self.hello)])
                await peer.sendByteByByte(try peer.encrypt(frames, size: 1))
                #expect(try await peer.payload(of: 1, count: 5) == self.hello)
            }
        }
    }

    @Test func `everything at once works`() async throws {
        try await self.withHostUnderAttack { host in
            try await HostilePeer.dial(host) { peer in
                // The last message of the handshake waits for the frames of eight streams, to leave in one write.
                let held = Held()
                try await peer.secure(as: .dialer, write: { await held.takeLast($1, sendingOthersTo: $0) })
                let ids = (0..<8 as Range<UInt32>).map { 2 * $0 + 1 }
                var bytes = held.bytes
                let frames = ids.flatMap { [HostileFrame.request($0, "/echo", self.hello), .window($0, .fin)] }
                bytes.writeImmutableBuffer(try peer.encrypt(HostileFrame.bytes(of: frames)))
                await peer.send(bytes)
                var echoed: [UInt32: ByteBuffer] = [:]
                var ended = 0
                while ended < ids.count,
                    let frame = try await peer.nextFrame(where: { ids.contains($0.header.stream.rawValue) })
                {
                    if frame.header.kind == .data {
                        echoed[frame.header.stream.rawValue, default: ByteBuffer()].writeImmutableBuffer(frame.body)
                    }
                    if frame.header.flags.contains(.fin) { ended += 1 }
                }
                #expect(echoed.count == ids.count)
                #expect(echoed.values.allSatisfy { String(buffer: $0).hasSuffix("/echo\nhello") })
            }
        }
    }

    @Test func `a FIN that shares a frame with bytes comes after them`() async throws {
        try await self.withHostUnderAttack { host in
            try await HostilePeer.dial(host) { peer in
                try await peer.secure(as: .dialer)
                var frame = HostileFrame.request(1, "/echo", self.hello)
                frame.header.flags = [.syn, .fin]
                try await peer.send(frame)
                #expect(try await peer.payload(of: 1, count: 5) == self.hello)
                let end = try await peer.nextFrame { $0.header.flags.contains(.fin) }
                #expect(end != nil)
            }
        }
    }

    @Test func `a reader without credit gets one window, the negotiation included`() async throws {
        try await self.withHostUnderAttack { host in
            host.handle("/flood", limit: 1) { try await $0.write(ByteBuffer(repeating: 1, count: 1 << 20)) }
            try await HostilePeer.dial(host) { peer in
                try await peer.secure(as: .dialer)
                try await peer.send(.request(1, "/flood"))
                var sent = 0
                while sent < 262_144, let frame = try await peer.nextFrame() {
                    if frame.header.stream.rawValue == 1 { sent += frame.body.readableBytes }
                }
                let more = try await peer.framesBeforeAnswer(to: 7)
                #expect(sent == 262_144)
                #expect(more.allSatisfy { $0.header.stream.rawValue != 1 || $0.body.readableBytes == 0 })
            }
        }
    }

    @Test func `a reader that takes its time gets all that was written before the close`() async throws {
        try await self.withHostUnderAttack({ $0.timeouts.linger = .seconds(2) }) { host in
            host.handle("/flood", limit: 1) { try await $0.write(ByteBuffer(repeating: 1, count: 600_000)) }
            try await HostilePeer.dial(host) { peer in
                try await peer.secure(as: .dialer)
                try await peer.send(.request(1, "/flood"))
                var credit = 262_144
                var received = 0
                while let frame = try await peer.nextFrame(where: { $0.header.stream.rawValue == 1 }) {
                    received += frame.body.readableBytes
                    if frame.header.flags.contains(.fin) || frame.header.flags.contains(.rst) { break }
                    guard received == credit else { continue }
                    // The reader's pace: its last byte leaves long after one `linger`.
                    try await pause(for: .milliseconds(500))
                    try await peer.send(.window(1, [], 65_536))
                    credit += 65_536
                }
                #expect(received > 600_000)
                try await peer.send(.window(1, .fin))
            }
        }
    }

    @Test func `a reader that takes nothing is not waited for`() async throws {
        try await self.withHostUnderAttack({ $0.timeouts.linger = .milliseconds(300) }) { host in
            host.handle("/flood", limit: 1) { try await $0.write(ByteBuffer(repeating: 1, count: 600_000)) }
            try await HostilePeer.dial(host) { peer in
                try await peer.secure(as: .dialer)
                try await peer.send(.request(1, "/flood"))
                try await peer.expectReset(of: 1)
            }
        }
    }

    // MARK: What costs the connection

    @Test(arguments: Violation.all)
    func `what breaks the protocol ends the connection with a word`(violation: Violation) async throws {
        try await self.withHostUnderAttack { host in
            try await HostilePeer.dial(host) { peer in
                try await peer.secure(as: .dialer)
                await peer.send(try peer.encrypt(violation.bytes))
                #expect(try await peer.reasonOfLeaving() == .protocolError)
            }
        }
    }

    @Test func `bytes that do not decrypt end the connection`() async throws {
        try await self.withHostUnderAttack { host in
            try await HostilePeer.dial(host) { peer in
                try await peer.secure(as: .dialer)
                var bytes = try peer.encrypt(ByteBuffer(string: "sealed"))
                bytes.setInteger(0xff as UInt8, at: bytes.writerIndex - 1)
                await peer.send(bytes)
                await peer.untilClosed()
            }
        }
    }

    // MARK: What costs a stream

    @Test func `a length without end costs the stream that claims it`() async throws {
        try await self.withHostUnderAttack { host in
            try await HostilePeer.dial(host) { peer in
                try await peer.secure(as: .dialer)
                try await peer.send(.data(1, .syn, ByteBuffer(repeating: 0xff, count: 9)))
                try await peer.expectReset(of: 1)
                try await peer.expectEcho(on: 3, self.hello)
            }
        }
    }

    @Test func `streams without end are reset beyond the limit`() async throws {
        try await self.withHostUnderAttack { host in
            try await HostilePeer.dial(host) { peer in
                try await peer.secure(as: .dialer)
                let count = UInt32(4 * P2PWire.Limits.inboundStreams)
                let frames = (0..<count).map { HostileFrame.window(2 * $0 + 1, .syn) }
                try await peer.send(frames)
                var accepted = 0
                var refused = 0
                while accepted + refused < Int(count), let frame = try await peer.nextFrame() {
                    if frame.header.flags.contains(.ack), frame.header.kind != .ping { accepted += 1 }
                    if frame.header.flags.contains(.rst) { refused += 1 }
                }
                #expect(accepted <= P2PWire.Limits.inboundStreams)
                #expect(refused >= 3 * P2PWire.Limits.inboundStreams)
            }
        }
    }

    @Test func `a storm of resets leaves nothing behind`() async throws {
        try await self.withHostUnderAttack { host in
            try await HostilePeer.dial(host) { peer in
                try await peer.secure(as: .dialer)
                for round in 0..<20 as Range<UInt32> {
                    let ids = (0..<200 as Range<UInt32>).map { 2 * (200 * round + $0) + 1 }
                    let frames = ids.flatMap { [HostileFrame.request($0, "/echo", self.hello), .window($0, .rst)] }
                    try await peer.send(frames)
                }
                try await peer.expectAnswer(to: 7)
            }
        }
    }

    @Test func `frames of streams that do not exist are passed over in silence`() async throws {
        try await self.withHostUnderAttack { host in
            try await HostilePeer.dial(host) { peer in
                try await peer.secure(as: .dialer)
                try await peer.send(
                    .data(9, [], self.hello),
                    .data(8, .fin, self.hello),
                    .window(9, [], .max),
                    .window(9, .fin),
                    .window(9, .rst)
                )
                let before = try await peer.framesBeforeAnswer(to: 7)
                #expect(before.allSatisfy { $0.header.stream.rawValue == 0 || $0.header.stream.rawValue % 2 == 0 })
                #expect(before.allSatisfy { !$0.header.flags.contains(.rst) && $0.header.kind != .goAway })
            }
        }
    }

    @Test func `what comes late for a stream that is over is passed over in silence`() async throws {
        try await self.withHostUnderAttack { host in
            try await HostilePeer.dial(host) { peer in
                try await peer.secure(as: .dialer)
                try await peer.send(.request(1, "/echo", self.hello), .window(1, .fin))
                _ = try await peer.nextFrame { $0.header.stream.rawValue == 1 && $0.header.flags.contains(.fin) }
                try await peer.send(
                    .window(1, [], 100),
                    .data(1, [], self.hello),
                    .window(1, .fin),
                    .window(1, .rst)
                )
                let before = try await peer.framesBeforeAnswer(to: 7)
                #expect(before.allSatisfy { $0.header.stream.rawValue != 1 && $0.header.kind != .goAway })
            }
        }
    }

    // MARK: Pings and goodbyes

    @Test func `a flood of pings is answered in order and never out of memory`() async throws {
        try await self.withHostUnderAttack { host in
            try await HostilePeer.dial(host) { peer in
                try await peer.secure(as: .dialer)
                let count: UInt32 = 20_000
                try await peer.send((0..<count).map { .ping(.syn, $0) })
                for value in 0..<count {
                    let pong = try await peer.nextFrame { $0.header.kind == .ping && $0.header.flags.contains(.ack) }
                    guard pong?.header.length == value else {
                        Issue.record("\(String(describing: pong)) came for ping \(value)")
                        return
                    }
                }
            }
        }
    }

    @Test func `answers that nobody asked for change nothing`() async throws {
        try await self.withHostUnderAttack { host in
            try await HostilePeer.dial(host) { peer in
                try await peer.secure(as: .dialer)
                try await peer.send((0..<100).map { .ping(.ack, 1000 + $0) })
                try await peer.expectEcho(on: 1, self.hello)
            }
        }
    }

    @Test func `a goodbye in the middle lets open streams end`() async throws {
        try await self.withHostUnderAttack { host in
            try await HostilePeer.dial(host) { peer in
                try await peer.secure(as: .dialer)
                try await peer.send(.request(1, "/echo"), .goAway(.normal), .data(1, [], self.hello))
                #expect(try await peer.payload(of: 1, count: 5) == self.hello)
            }
        }
    }
}

/// Frames that no implementation sends.
struct Violation: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let bytes: ByteBuffer

    private init(_ name: String, _ frames: HostileFrame...) {
        self.testDescription = name
        self.bytes = HostileFrame.bytes(of: frames)
    }

    private init(_ name: String, header: [UInt8]) {
        self.testDescription = name
        self.bytes = ByteBuffer(bytes: header)
    }

    static let all = [
        // No bodies: a host that hangs up on unread bytes resets the socket, and its goodbye is lost with that.
        Violation("more than the window", header: [0, 0, 0, 1, 0, 0, 0, 1, 0, 4, 0, 1]),
        Violation("a body of 4 GiB", header: [0, 0, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]),
        Violation("credit above 32 bits", .window(1, .syn), .window(1, [], .max)),
        Violation("a stream of the other side", .window(2, .syn)),
        Violation("a stream twice", .window(1, .syn), .window(1, .syn)),
        Violation("data on the session", .data(0, [], ByteBuffer(bytes: [1]))),
        Violation("another version", header: [1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]),
        Violation("an unknown type", header: [0, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]),
    ]
}

/// Keeps the last bytes of a handshake back.
private final class Held {
    private(set) var bytes = ByteBuffer()
    private var isFirst = true

    func takeLast(_ bytes: ByteBuffer, sendingOthersTo peer: HostilePeer) async {
        if self.isFirst { await peer.send(bytes) } else { self.bytes = bytes }
        self.isFirst = false
    }
}
