import NIOCore
import Testing

@testable import P2PWire

@Suite struct UVarintTests {
    @Test(
        arguments: [
            (0, "00"), (1, "01"), (127, "7f"), (128, "8001"), (255, "ff01"), (300, "ac02"), (16384, "808001"),
            (UInt64.max, "ffffffffffffffffff01"),
        ] as [(UInt64, String)]
    )
    func `writes and reads the published encodings`(value: UInt64, encoding: String) throws {
        #expect(UVarint.encoded(value) == bytes(hex: encoding))
        var buffer = ByteBuffer(bytes: bytes(hex: encoding) + [0xaa])
        #expect(try buffer.readUVarint() == value)
        #expect(buffer.readableBytes == 1)
    }

    @Test(arguments: ["8000", "ff00", "80808000"])
    func `refuses a number that is longer than it needs to be`(encoding: String) {
        #expect(throws: WireError.self) { try UVarint.decode(bytes(hex: encoding)) }
    }

    @Test(arguments: ["ffffffffffffffffff02", "8080808080808080808001", "ffffffffffffffffffff01"])
    func `refuses what does not fit into 64 bits`(encoding: String) {
        #expect(throws: WireError.self) { try UVarint.decode(bytes(hex: encoding)) }
    }

    @Test func `waits for the rest and reads nothing meanwhile`() throws {
        var buffer = ByteBuffer(bytes: [0x80])
        #expect(try buffer.readUVarint() == nil)
        #expect(buffer.readableBytes == 1)
        buffer.writeInteger(UInt8(1))
        #expect(try buffer.readUVarint() == 128)
    }

    @Test func `refuses a length over the limit before its bytes arrive`() throws {
        var atLimit = ByteBuffer(bytes: UVarint.encoded(1024))
        #expect(try atLimit.readUVarintPrefixedSlice(limit: 1024) == nil)
        var over = ByteBuffer(bytes: UVarint.encoded(1025))
        #expect(throws: WireError.self) { try over.readUVarintPrefixedSlice(limit: 1024) }
    }

    @Test func `a prefixed slice comes out as it went in`() throws {
        var buffer = ByteBuffer()
        buffer.writeUVarintPrefixed([1, 2, 3])
        var partial = buffer.getSlice(at: 0, length: 3) ?? ByteBuffer()
        #expect(try partial.readUVarintPrefixedSlice(limit: 10) == nil)
        #expect(partial.readableBytes == 3)
        #expect(try buffer.readUVarintPrefixedSlice(limit: 10) == ByteBuffer(bytes: [1, 2, 3]))
    }
}
