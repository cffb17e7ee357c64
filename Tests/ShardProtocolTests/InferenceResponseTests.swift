import NIOCore
import Testing

@testable import ShardProtocol

@Suite struct InferenceResponseTests {
    static func logits() throws -> InferenceResponse {
        InferenceResponse(
            sessionID: SessionID(rawValue: 12345),
            kind: .logits,
            activations: try Activations(shape: [1, 1, 4], data: ByteBuffer(bytes: InferenceRequestTests.halves))
        )
    }

    static let busy = InferenceResponse.failure(
        "no room for 512 tokens",
        step: ReplyExtension(
            code: .busy,
            have: 0,
            retryAfterMilliseconds: 250,
            queueMicroseconds: 1200,
            computeMicroseconds: 0
        )
    )

    static func draining() throws -> InferenceResponse {
        var response = try Self.logits()
        response.step = ReplyExtension(
            code: .ok,
            have: 7,
            queueMicroseconds: 5,
            computeMicroseconds: 900,
            isDraining: true
        )
        return response
    }

    @Test func `reads what Rust nodes write`() throws {
        #expect(try InferenceResponse(decoding: Golden.bytes("rust-response-logits")) == Self.logits())
        let warming = try InferenceResponse(decoding: Golden.bytes("rust-response-warming-up"))
        #expect(warming == .failure(InferenceResponse.warmingUpText))
        #expect(warming.code == .warmingUp)
    }

    @Test func `writes the published bytes, with bin for data`() throws {
        #expect(try Self.logits().encoded() == Golden.bytes("response-logits"))
        #expect(Self.busy.encoded() == (try Golden.bytes("response-x1-busy")))
        #expect(try Self.draining().encoded() == Golden.bytes("response-x1-draining"))
    }

    @Test func `reads back what it writes`() throws {
        for response in [try Self.logits(), Self.busy, try Self.draining(), .failure("oops")] {
            #expect(try InferenceResponse(decoding: response.encoded()) == response)
        }
    }

    @Test func `reads a map that lacks its error`() throws {
        let hex =
            "84 aa73657373696f6e5f6964cd3039 ad726573706f6e73655f74797065a66c6f67697473 a5736861706593010104 "
            + "a464617461c408003c0040004200c4"
        #expect(try InferenceResponse(decoding: #require(Golden.bytes(hex: hex))) == Self.logits())
    }

    @Test func `a positional array must hold its error`() throws {
        let hex = "95cd3039a66c6f6769747393010104c408003c0040004200c4"
        #expect(try InferenceResponse(decoding: #require(Golden.bytes(hex: hex + "c0"))) == Self.logits())
        #expect(throws: ShardError.self) {
            try InferenceResponse(decoding: #require(Golden.bytes(hex: hex.replacing("95cd", with: "94cd"))))
        }
    }

    @Test func `tells the code of a plain node from its text`() {
        #expect(InferenceResponse.failure(InferenceResponse.wrongPayloadText(startBlock: 8)).code == .wrongRange)
        #expect(InferenceResponse.failure("something else").code == .failed)
        #expect(Self.busy.code == .busy)
    }

    @Test func `a code of a later version is a failure`() throws {
        var packer = MessagePackPacker()
        packer.packMap(count: 1)
        packer.pack("code")
        packer.pack("quantum_decoherence")
        var cursor = MessagePackCursor(packer.bytes)
        #expect(try ReplyExtension(cursor.readValue()) == ReplyExtension(code: .failed))
    }

    @Test func `an error text is kept up to its bound`() throws {
        let long = InferenceResponse.failure(String(repeating: "x", count: Limits.errorText + 1))
        #expect(try InferenceResponse(decoding: long.encoded()).error?.count == Limits.errorText)
    }

    @Test func `random and mutated bytes never crash the reader`() throws {
        var generator = SeededGenerator(seed: 12)
        let messages = [try Golden.bytes("rust-response-logits"), Self.busy.encoded()]
        for round in 0..<1_000 {
            _ = try? InferenceResponse(decoding: generator.mutation(of: messages[round % messages.count]))
            _ = try? InferenceResponse(decoding: generator.bytes(count: round % 100))
        }
    }
}
