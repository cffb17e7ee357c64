import NIOCore
import Testing

@testable import P2PWire

@Suite struct MultistreamTests {
    @Test(arguments: [
        ("/multistream/1.0.0", "132f6d756c746973747265616d2f312e302e300a"), ("/noise", "072f6e6f6973650a"),
        ("na", "036e610a"), ("/yamux/1.0.0", "0d2f79616d75782f312e302e300a"),
    ])
    func `a message is its length, its text and a newline`(token: String, golden: String) throws {
        var bytes = ByteBuffer()
        Multistream.write(token, into: &bytes)
        #expect(hex(bytes.readableBytesView) == golden)
        #expect(try Multistream.read(from: &bytes) == token)
    }

    @Test func `half a message is left for later`() throws {
        var bytes = ByteBuffer(bytes: [7, 0x2f, 0x6e])
        #expect(try Multistream.read(from: &bytes) == nil)
        #expect(bytes.readableBytes == 3)
    }

    @Test func `a token of 1023 characters is the longest`() throws {
        var longest = ByteBuffer()
        Multistream.write(String(repeating: "a", count: 1023), into: &longest)
        #expect(try Multistream.read(from: &longest)?.count == 1023)
        var longer = ByteBuffer()
        Multistream.write(String(repeating: "a", count: 1024), into: &longer)
        #expect(throws: WireError.self) { try Multistream.read(from: &longer) }
    }

    @Test(arguments: [[0], [2, 0x61, 0x62], [3, 0xff, 0xfe, 0x0a]] as [[UInt8]])
    func `what is not a line of text is refused`(bytes: [UInt8]) {
        var bytes = ByteBuffer(bytes: bytes)
        #expect(throws: WireError.self) { try Multistream.read(from: &bytes) }
    }

    @Test(arguments: 0..<100)
    func `random bytes never end the process`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var bytes = ByteBuffer(bytes: (0..<100).map { _ in UInt8.random(in: 0...255, using: &random) })
        var reply = ByteBuffer()
        var listener = MultistreamListener()
        _ = try? listener.receive(&bytes, reply: &reply) { _ in true }
        var dialer = MultistreamDialer(proposing: "/a", then: ["/b"])
        _ = try? dialer.receive(&bytes, reply: &reply)
    }
}
