import NIOCore
import Testing

@testable import ShardProtocol

@Suite struct InferenceRequestTests {
    static let tokens = InferenceRequest(
        sessionID: SessionID(rawValue: 12345),
        position: .start,
        payload: .tokenIDs([1, 42, 999, 32000])
    )

    static func hidden() throws -> InferenceRequest {
        InferenceRequest(
            sessionID: SessionID(rawValue: .max),
            position: SequencePosition(rawValue: 7),
            payload: .hiddenStates(try Activations(shape: [1, 1, 4], data: ByteBuffer(bytes: halves)))
        )
    }

    /// 1, 2, 3 and -4 in f16.
    static let halves: [UInt8] = [0x00, 0x3c, 0x00, 0x40, 0x00, 0x42, 0x00, 0xc4]

    static func extended() throws -> InferenceRequest {
        var request = try Self.hidden()
        request.step = StepExtension(
            blocks: try BlockRange(4, 12),
            step: 3,
            rollback: true,
            maxTokens: 300,
            logits: .none
        )
        return request
    }

    @Test func `reads what Rust nodes write`() throws {
        #expect(try InferenceRequest(decoding: Golden.bytes("rust-request-token-ids")) == Self.tokens)
        #expect(try InferenceRequest(decoding: Golden.bytes("rust-request-hidden-states")) == Self.hidden())
    }

    @Test func `writes the published bytes, with bin for data`() throws {
        #expect(Self.tokens.encoded() == (try Golden.bytes("request-token-ids")))
        #expect(try Self.hidden().encoded() == Golden.bytes("request-hidden-states"))
        #expect(try Self.extended().encoded() == Golden.bytes("request-x1"))
    }

    @Test func `differs from Rust's bytes in nothing but data`() throws {
        let ours = Golden.hex(Self.tokens.encoded())
        let theirs = Golden.hex(try Golden.bytes("rust-request-token-ids"))
        let upToData = theirs.firstRange(of: "a464617461")?.upperBound
        let prefix = theirs[..<(try #require(upToData))]
        #expect(ours.hasPrefix(prefix))
        #expect(ours.dropFirst(prefix.count) == "c410010000002a000000e7030000007d0000")
    }

    @Test func `reads back what it writes`() throws {
        for request in [Self.tokens, try Self.hidden(), try Self.extended()] {
            #expect(try InferenceRequest(decoding: request.encoded()) == request)
        }
    }

    @Test func `reads a positional array, unknown keys, any order and trailing bytes`() throws {
        let positional = "95 cd3039 00 a9746f6b656e5f696473 9101 c40401000000"
        let expected = InferenceRequest(
            sessionID: SessionID(rawValue: 12345),
            position: .start,
            payload: .tokenIDs([1])
        )
        #expect(try InferenceRequest(decoding: #require(Golden.bytes(hex: positional))) == expected)
        let reordered =
            "86 a464617461 c40401000000 a3666f6f 9281a162c001 a5736861706591 01 "
            + "ac7061796c6f61645f74797065a9746f6b656e5f696473 a77365715f706f73 cd0000 aa73657373696f6e5f6964cd3039 ffff"
        #expect(try InferenceRequest(decoding: #require(Golden.bytes(hex: reordered))) == expected)
    }

    @Test func `a nil x is none`() throws {
        let hex = Golden.hex(Self.tokens.encoded()).replacing("85aa", with: "86aa", maxReplacements: 1) + "a178c0"
        #expect(try InferenceRequest(decoding: #require(Golden.bytes(hex: hex))) == Self.tokens)
    }

    @Test(arguments: [
        // data as a string, a float session id, a negative one, a position beyond 32 bits, an unknown payload type
        "95 01 00 a9746f6b656e5f696473 9101 a401000000",
        "95 cb3ff0000000000000 00 a9746f6b656e5f696473 9101 c40401000000",
        "95 ff 00 a9746f6b656e5f696473 9101 c40401000000",
        "95 01 cf0000000100000000 a9746f6b656e5f696473 9101 c40401000000",
        "95 01 00 a3666f6f 9101 c40401000000",
        // four values, six values, no map at all, a missing key, a key twice, a key that is no string
        "94 01 00 a9746f6b656e5f696473 9101", "96 01 00 a9746f6b656e5f696473 9101 c40401000000 c0", "c0", "80",
        "82 a77365715f706f73 00 a77365715f706f73 00", "81 01 02",
    ])
    func `refuses what Rust refuses`(hex: String) throws {
        let bytes = try #require(Golden.bytes(hex: hex))
        #expect {
            try InferenceRequest(decoding: bytes)
        } throws: {
            ($0 as? ShardError)?.code == .malformed
        }
    }

    @Test(arguments: [
        "95 01 00 a9746f6b656e5f696473 9102 c40401000000",
        "95 01 00 a9746f6b656e5f696473 94ceffffffffceffffffffceffffffffceffffffff c40401000000",
        "95 01 00 a9746f6b656e5f696473 950101010101 c40401000000",
    ])
    func `refuses a shape that lies`(hex: String) throws {
        let bytes = try #require(Golden.bytes(hex: hex))
        #expect {
            try InferenceRequest(decoding: bytes)
        } throws: {
            ($0 as? ShardError)?.code == .badTensor
        }
    }

    @Test func `takes a message of the largest size and no larger`() throws {
        var request = Self.tokens
        // Trailing bytes make up what the tokens leave.
        request.payload = .tokenIDs([UInt32](repeating: 0, count: Limits.receivedMessage / 4 - 64))
        var bytes = request.encoded()
        bytes.writeRepeatingByte(0, count: Limits.receivedMessage - bytes.readableBytes)
        #expect(throws: Never.self) { try InferenceRequest(decoding: bytes) }
        bytes.writeInteger(UInt8(0))
        #expect {
            try InferenceRequest(decoding: bytes)
        } throws: {
            ($0 as? ShardError)?.code == .tooLarge
        }
    }

    @Test func `random and mutated bytes never crash the reader`() throws {
        var generator = SeededGenerator(seed: 11)
        let messages = [
            try Golden.bytes("rust-request-token-ids"), try Golden.bytes("rust-request-hidden-states"),
            try Self.extended().encoded(),
        ]
        for round in 0..<1_000 {
            _ = try? InferenceRequest(decoding: generator.mutation(of: messages[round % messages.count]))
            _ = try? InferenceRequest(decoding: generator.bytes(count: round % 100))
        }
    }
}
