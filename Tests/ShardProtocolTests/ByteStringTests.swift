import NIOCore
import Testing

@testable import ShardProtocol

@Suite struct ByteStringTests {
    /// The array of integers that rmp-serde writes for `Vec<u8>`.
    private func integerArray(_ bytes: [UInt8]) -> ByteBuffer {
        var packer = MessagePackPacker()
        packer.packArray(count: bytes.count)
        for byte in bytes { packer.pack(UInt64(byte)) }
        return packer.bytes
    }

    @Test(arguments: [0, 1, 2, 15, 16, 17, 1000, 70_000])
    func `reads an array of integers as bytes`(count: Int) throws {
        var generator = SeededGenerator(seed: UInt64(count))
        let bytes = generator.bytes(count: count)
        var cursor = MessagePackCursor(self.integerArray(Array(bytes.readableBytesView)))
        #expect(try cursor.readByteString() == bytes)
        #expect(cursor.bytes.readableBytes == 0)
    }

    @Test func `reads bin and leaves what follows`() throws {
        var cursor = MessagePackCursor(ByteBuffer(bytes: [0xc4, 2, 0xcc, 0xff, 0x2a]))
        #expect(try cursor.readByteString() == ByteBuffer(bytes: [0xcc, 0xff]))
        #expect(try cursor.readValue() == .unsigned(42))
    }

    @Test func `reads bytes that are written wider than they need`() throws {
        let hex = "9a 01 cc05 cd00ff ce00000002 cf0000000000000003 d004 d10005 d200000006 d30000000000000007 ccfe"
        var cursor = MessagePackCursor(try #require(Golden.bytes(hex: hex)))
        #expect(try cursor.readByteString() == ByteBuffer(bytes: [1, 5, 255, 2, 3, 4, 5, 6, 7, 254]))
        #expect(cursor.bytes.readableBytes == 0)
    }

    @Test(arguments: ["91cd0100", "91d0ff", "91ff", "91c0", "91ca00000000", "92cc", "9201", "a141", "c0", "80"])
    func `refuses elements that are no byte and values that are no byte string`(hex: String) throws {
        var cursor = MessagePackCursor(try #require(Golden.bytes(hex: hex)))
        #expect(throws: ShardError.self) { try cursor.readByteString() }
    }
}
