import NIOCore
import Testing

@testable import P2PWire

@Suite struct YamuxHeaderTests {
    @Test func `a header is twelve big-endian bytes`() {
        var bytes = ByteBuffer()
        YamuxHeader(.windowUpdate, [.ack, .fin], stream: StreamID(rawValue: 0x0102_0304), length: 0x0005_0607)
            .write(into: &bytes)
        #expect(Array(bytes.readableBytesView) == [0, 1, 0, 6, 1, 2, 3, 4, 0, 5, 6, 7])
    }

    @Test func `a header survives the round trip`() throws {
        let header = YamuxHeader(.ping, .syn, stream: .session, length: .max)
        var bytes = ByteBuffer()
        header.write(into: &bytes)
        #expect(try YamuxHeader(reading: &bytes) == header)
        #expect(bytes.readableBytes == 0)
    }

    @Test func `eleven bytes are not a header yet`() throws {
        var bytes = ByteBuffer(repeating: 0, count: 11)
        #expect(try YamuxHeader(reading: &bytes) == nil)
        #expect(bytes.readableBytes == 11)
    }

    @Test(arguments: [[1, 0], [0, 4], [0, 255]] as [[UInt8]])
    func `another version or an unknown type is refused`(start: [UInt8]) {
        var bytes = ByteBuffer(bytes: start + [UInt8](repeating: 0, count: 10))
        #expect(throws: WireError.self) { try YamuxHeader(reading: &bytes) }
    }
}
