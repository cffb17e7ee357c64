import NIOCore
import Testing

@testable import P2PWire

@Suite struct MultistreamDialerTests {
    @Test func `says header and proposal in one flight`() {
        var dialer = MultistreamDialer(proposing: "/echo")
        var bytes = ByteBuffer()
        dialer.start(into: &bytes)
        #expect(bytes == ByteBuffer(tokens: "/multistream/1.0.0", "/echo"))
        #expect(dialer.isLazy)
    }

    @Test func `checks the answers and leaves what follows them`() throws {
        var dialer = MultistreamDialer(proposing: "/echo")
        var reply = ByteBuffer()
        dialer.start(into: &reply)
        var bytes = ByteBuffer(tokens: "/multistream/1.0.0", "/echo")
        bytes.writeBytes([9, 8])
        let agreed = try dialer.receive(&bytes, reply: &reply)
        #expect(agreed == "/echo")
        #expect(Array(bytes.readableBytesView) == [9, 8])
    }

    @Test func `proposes the next after a refusal`() throws {
        var dialer = MultistreamDialer(proposing: "/new", then: ["/old", "/oldest"])
        #expect(!dialer.isLazy)
        var reply = ByteBuffer()
        var bytes = ByteBuffer(tokens: "/multistream/1.0.0", "na")
        let first = try dialer.receive(&bytes, reply: &reply)
        #expect(first == nil)
        #expect(reply == ByteBuffer(tokens: "/old"))
        Multistream.write("/old", into: &bytes)
        let second = try dialer.receive(&bytes, reply: &reply)
        #expect(second == "/old")
    }

    @Test func `a refusal of everything is unsupported`() {
        var dialer = MultistreamDialer(proposing: "/echo")
        var reply = ByteBuffer()
        var bytes = ByteBuffer(tokens: "/multistream/1.0.0", "na")
        let error = #expect(throws: WireError.self) { try dialer.receive(&bytes, reply: &reply) }
        #expect(error?.code == .unsupported)
    }

    @Test(arguments: ["/other", "/echo2"])
    func `an answer to something else is a violation`(answer: String) {
        var dialer = MultistreamDialer(proposing: "/echo")
        var reply = ByteBuffer()
        var bytes = ByteBuffer(tokens: "/multistream/1.0.0", answer)
        let error = #expect(throws: WireError.self) { try dialer.receive(&bytes, reply: &reply) }
        #expect(error?.code == .protocolViolation)
    }
}
