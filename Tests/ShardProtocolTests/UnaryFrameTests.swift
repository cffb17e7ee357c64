import NIOCore
import P2PWire
import Testing

@testable import ShardProtocol

@Suite struct UnaryFrameTests {
    private func id() throws -> CallID {
        try CallID([0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0])
    }

    private func frames() throws -> [(golden: String, frame: UnaryFrame)] {
        let request = try Golden.bytes("rust-request-token-ids")
        let response = try Golden.bytes("rust-response-logits")
        return [
            (
                "rust-frame-request",
                .call(try self.id(), callee: [], protocolID: "/kwaai/inference/1.0.0", data: request)
            ),
            ("rust-frame-response", .response(try self.id(), response)),
            ("rust-frame-error", .failure(try self.id(), "handler exploded")),
        ]
    }

    @Test func `writes and reads the published frames`() throws {
        for (golden, frame) in try self.frames() {
            var bytes = try Golden.bytes(golden)
            let message = try #require(try bytes.readUVarintPrefixedSlice(limit: 1000))
            #expect(bytes.readableBytes == 0)
            #expect(try frame.encoded() == message)
            #expect(try UnaryFrame(decoding: message) == frame)
        }
    }

    @Test func `a cancellation is read back`() throws {
        let frame = UnaryFrame.cancel(try self.id())
        #expect(try UnaryFrame(decoding: frame.encoded()) == frame)
    }

    @Test(arguments: [
        "", "0a0101", "0a10112233445566778899aabbccddeeff00", "0a10112233445566778899aabbccddeeff001a00",
        "0a10112233445566778899aabbccddeeff002200", "ff",
    ])
    func `refuses a frame without a whole id or without a message`(hex: String) throws {
        let bytes = try #require(Golden.bytes(hex: hex))
        #expect(throws: ShardError.self) { try UnaryFrame(decoding: bytes) }
    }

    @Test func `call ids are drawn from the generator`() {
        var generator = SeededGenerator(seed: 3)
        #expect(CallID.random(using: &generator) != CallID.random(using: &generator))
    }

    @Test func `random and mutated bytes never crash the reader`() throws {
        var generator = SeededGenerator(seed: 13)
        let messages = try self.frames().map { try $0.frame.encoded() }
        for round in 0..<1_000 {
            _ = try? UnaryFrame(decoding: generator.mutation(of: messages[round % messages.count]))
            _ = try? UnaryFrame(decoding: generator.bytes(count: round % 100))
        }
    }
}
