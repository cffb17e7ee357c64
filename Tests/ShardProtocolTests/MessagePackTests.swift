import NIOCore
import Testing

@testable import ShardProtocol

@Suite struct MessagePackTests {
    private func cursor(_ hex: String) throws -> MessagePackCursor {
        MessagePackCursor(try #require(Golden.bytes(hex: hex)))
    }

    @Test(arguments: [
        (UInt64(0), "00"), (127, "7f"), (128, "cc80"), (255, "ccff"), (256, "cd0100"), (65535, "cdffff"),
        (65536, "ce00010000"), (4_294_967_296, "cf0000000100000000"), (.max, "cfffffffffffffffff"),
    ])
    func `integers take their smallest form`(number: UInt64, hex: String) throws {
        var packer = MessagePackPacker()
        packer.pack(number)
        #expect(Golden.hex(packer.bytes) == hex)
        var cursor = MessagePackCursor(packer.bytes)
        #expect(try cursor.readValue() == .unsigned(number))
    }

    @Test func `every kind is read back`() throws {
        var cursor = try self.cursor("98c0c3d0ff cb3ff8000000000000 a26869 c40201ff 81a1610a d40507")
        #expect(
            try cursor.readValue()
                == .array([
                    .null, .boolean(true), .negative(-1), .double(1.5), .string("hi"), .binary([1, 255]),
                    .map([MessagePackValue.Pair(key: .string("a"), value: .unsigned(10))]), .extended(type: 5, [7]),
                ])
        )
        #expect(cursor.bytes.readableBytes == 0)
    }

    @Test(arguments: [
        "", "c1", "91", "81a161", "a5ff", "dd7fffffff", "df7fffffff", "c6ffffffff00", "c9ffffffff0000", "a1ff",
        "dc0002c0",
    ])
    func `refuses what is cut off, lies about its length or is no text`(hex: String) throws {
        var cursor = try self.cursor(hex)
        #expect(throws: ShardError.self) { try cursor.readValue() }
    }

    @Test func `nests as deep as its bound and no deeper`() throws {
        let levels = Limits.nesting - 1
        var cursor = try self.cursor(String(repeating: "91", count: levels) + "c0")
        #expect(throws: Never.self) { try cursor.readValue() }
        cursor = try self.cursor(String(repeating: "91", count: levels + 1) + "c0")
        #expect(throws: ShardError.self) { try cursor.readValue() }
    }

    @Test func `holds as many values as its bound and no more`() throws {
        func array(count: Int) -> ByteBuffer {
            var packer = MessagePackPacker()
            packer.packArray(count: count)
            for _ in 0..<count { packer.packNil() }
            return packer.bytes
        }
        var cursor = MessagePackCursor(array(count: Limits.treeValues - 1))
        #expect(throws: Never.self) { try cursor.readValue() }
        cursor = MessagePackCursor(array(count: Limits.treeValues))
        #expect(throws: ShardError.self) { try cursor.readValue() }
    }

    @Test func `random bytes never crash the reader`() {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<1_000 {
            var cursor = MessagePackCursor(generator.bytes(count: Int.random(in: 0...64, using: &generator)))
            _ = try? cursor.readValue()
        }
    }
}
