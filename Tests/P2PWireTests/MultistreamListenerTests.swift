import NIOCore
import Testing

@testable import P2PWire

@Suite struct MultistreamListenerTests {
    @Test func `refuses what it does not speak and accepts what it does`() throws {
        var listener = MultistreamListener()
        var reply = ByteBuffer()
        listener.start(into: &reply)
        var bytes = ByteBuffer(tokens: "/multistream/1.0.0", "/libp2p/simultaneous-connect", "/echo")
        let agreed = try listener.receive(&bytes, reply: &reply) { $0 == "/echo" }
        #expect(agreed == "/echo")
        #expect(reply == ByteBuffer(tokens: "/multistream/1.0.0", "na", "/echo"))
    }

    @Test func `hands on to the last byte what follows the proposal`() throws {
        var listener = MultistreamListener()
        var reply = ByteBuffer()
        var bytes = ByteBuffer(tokens: "/multistream/1.0.0", "/echo")
        bytes.writeBytes([1, 2, 3])
        let agreed = try listener.receive(&bytes, reply: &reply) { _ in true }
        #expect(agreed == "/echo")
        #expect(Array(bytes.readableBytesView) == [1, 2, 3])
    }

    @Test func `agrees byte by byte as well`() throws {
        var listener = MultistreamListener()
        var reply = ByteBuffer()
        var pending = ByteBuffer()
        var agreed: ProtocolID?
        for byte in ByteBuffer(tokens: "/multistream/1.0.0", "/echo").readableBytesView {
            #expect(agreed == nil)
            pending.writeInteger(byte)
            agreed = try listener.receive(&pending, reply: &reply) { _ in true }
        }
        #expect(agreed == "/echo")
    }

    @Test func `ends when the first message is not the header`() {
        var listener = MultistreamListener()
        var reply = ByteBuffer()
        var bytes = ByteBuffer(tokens: "/echo")
        #expect(throws: WireError.self) { try listener.receive(&bytes, reply: &reply) { _ in true } }
    }

    @Test func `bears 64 refused proposals and not one more`() throws {
        var listener = MultistreamListener()
        var reply = ByteBuffer()
        var bytes = ByteBuffer(tokens: "/multistream/1.0.0")
        for _ in 0..<Limits.multistreamProposals { Multistream.write("/guess", into: &bytes) }
        let agreed = try listener.receive(&bytes, reply: &reply) { _ in false }
        #expect(agreed == nil)
        Multistream.write("/guess", into: &bytes)
        #expect(throws: WireError.self) { try listener.receive(&bytes, reply: &reply) { _ in false } }
    }
}

extension ByteBuffer {
    /// Multistream messages, one after the other.
    init(tokens: String...) {
        self.init()
        for token in tokens { Multistream.write(token, into: &self) }
    }
}
