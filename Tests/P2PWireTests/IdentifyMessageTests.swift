import NIOCore
import Testing

@testable import P2PWire

@Suite struct IdentifyMessageTests {
    private static func sample() throws -> IdentifyMessage {
        IdentifyMessage(
            publicKey: Identity().publicKey.protobuf,
            listenAddresses: [try Multiaddr("/ip4/1.2.3.4/tcp/1")],
            protocols: ["/a/1", "DHTProtocol.rpc_find"],
            observedAddress: try Multiaddr("/ip4/9.9.9.9/tcp/9"),
            protocolVersion: "ipfs/0.1.0",
            agentVersion: "kwaai-swift/0.1.0",
            signedPeerRecord: [1, 2, 3]
        )
    }

    private static func read(_ buffer: ByteBuffer) throws -> IdentifyMessage {
        var reader = IdentifyReader()
        try reader.received(buffer)
        return try reader.finish()
    }

    @Test func `comes out as it went in, also byte by byte`() throws {
        let message = try Self.sample()
        let frame = message.framed()
        #expect(try Self.read(frame) == message)
        var reader = IdentifyReader()
        for byte in frame.readableBytesView { try reader.received(ByteBuffer(bytes: [byte])) }
        #expect(try reader.finish() == message)
    }

    @Test func `drops addresses of unknown kinds and keeps the rest`() throws {
        let known = try Multiaddr("/ip4/1.2.3.4/tcp/1").bytes
        // listenAddrs twice: /ip4/1.2.3.4/tcp/1 and one with the unknown code 132; then agentVersion "x".
        let bytes = [0x12, UInt8(known.count)] + known + [0x12, 2, 0x84, 0x01] + [0x32, 1, 0x78]
        let message = try IdentifyMessage(bytes: bytes)
        #expect(message.listenAddresses.map(\.description) == ["/ip4/1.2.3.4/tcp/1"])
        #expect(message.agentVersion == "x" && message.publicKey == nil)
    }

    @Test func `merges what was split over several messages`() throws {
        var whole = IdentifyMessage(protocols: ["/a/1"], agentVersion: "x").framed()
        whole.writeImmutableBuffer(IdentifyMessage(protocols: ["/b/1"], signedPeerRecord: [1]).framed())
        let message = try Self.read(whole)
        #expect(message == IdentifyMessage(protocols: ["/a/1", "/b/1"], agentVersion: "x", signedPeerRecord: [1]))
    }

    @Test func `takes as many messages as go-libp2p sends and no more`() throws {
        var buffer = ByteBuffer()
        for _ in 0..<Limits.identifyMessageCount {
            buffer.writeImmutableBuffer(IdentifyMessage(agentVersion: "x").framed())
        }
        #expect(try Self.read(buffer).agentVersion == "x")
        buffer.writeImmutableBuffer(IdentifyMessage(agentVersion: "x").framed())
        #expect { try Self.read(buffer) } throws: { ($0 as? WireError)?.code == .tooLarge }
    }

    @Test func `refuses a length beyond the bound before its bytes arrive`() {
        var reader = IdentifyReader()
        #expect {
            try reader.received(ByteBuffer(bytes: UVarint.encoded(UInt64(Limits.identifyReceivedLength) + 1)))
        } throws: {
            ($0 as? WireError)?.code == .tooLarge
        }
    }

    @Test func `an exchange without a message, or with half of one, is an error`() throws {
        #expect(throws: WireError.self) { try Self.read(ByteBuffer()) }
        var half = try Self.sample().framed()
        half.moveWriterIndex(to: half.writerIndex - 1)
        #expect(throws: WireError.self) { try Self.read(half) }
    }

    @Test func `never sends more than rust-libp2p takes, and leaves out the record first`() throws {
        var message = try Self.sample()
        message.signedPeerRecord = [UInt8](repeating: 7, count: 3000)
        #expect(try Self.read(message.framed()) == message)

        message.listenAddresses = try (1...100).map { try Multiaddr("/ip4/1.2.3.4/tcp/\($0)") }
        let sent = try Self.read(message.framed())
        #expect(message.framed().readableBytes <= Limits.identifySentLength)
        #expect(sent.signedPeerRecord == nil && sent.listenAddresses == message.listenAddresses)

        message.protocols = (0..<600).map { ProtocolID("/protocol/\($0)") }
        message.agentVersion = String(repeating: "x", count: 5000)
        #expect(message.framed().readableBytes <= Limits.identifySentLength)
    }

    @Test func `remembers addresses and protocols up to the bound`() throws {
        var message = IdentifyMessage()
        let many = IdentifyMessage(protocols: (0..<300).map { ProtocolID("/\($0)") })
        for _ in 0..<3 { message.merge(many) }
        #expect(message.protocols.count == Limits.learnedProtocolCount)
    }

    @Test func `random bytes are a message or an error`() {
        var generator = SeededGenerator(seed: 2)
        for _ in 0..<2_000 {
            let bytes = generator.bytes(upTo: 64)
            _ = try? IdentifyMessage(bytes: bytes)
            var reader = IdentifyReader()
            try? reader.received(ByteBuffer(bytes: bytes))
        }
    }
}
