import NIOCore
import P2PWire
import Testing

@testable import P2PCore

@Suite struct StreamNegotiationTests {
    private func bytes(_ tokens: String..., payload: [UInt8] = []) -> ByteBuffer {
        var bytes = ByteBuffer()
        for token in tokens { Multistream.write(token, into: &bytes) }
        bytes.writeBytes(payload)
        return bytes
    }

    @Test func `a payload in the proposal's flight reaches the protocol and only the rest counts as read`() throws {
        let handler = ProtocolHandler(protocolID: "/echo") { _ in }
        var reply = ByteBuffer()
        var negotiation = StreamNegotiation(answeringInto: &reply)
        var consumed = 0
        let arrived = self.bytes("/multistream/1.0.0", "/echo", payload: [1, 2])
        let outcome = try negotiation.receive(arrived, reply: &reply, consumed: &consumed) { _ in
            handler
        }
        guard case .inbound(let server, let surplus) = outcome else {
            Issue.record("not agreed")
            return
        }
        #expect(server === handler)
        #expect(surplus == ByteBuffer(bytes: [1, 2]))
        #expect(consumed == arrived.readableBytes - 2)
        #expect(reply == self.bytes("/multistream/1.0.0", "/echo"))
    }

    @Test func `our proposal waits for its answer byte by byte`() throws {
        var proposal = ByteBuffer()
        var negotiation = StreamNegotiation(proposing: "/echo", into: &proposal)
        var answer = self.bytes("/multistream/1.0.0", "/echo")
        #expect(proposal == answer)
        var reply = ByteBuffer()
        var consumed = 0
        while let byte = answer.readSlice(length: 1) {
            #expect(negotiation.awaitsAnswer)
            _ = try negotiation.receive(byte, reply: &reply, consumed: &consumed) { _ in nil }
        }
        #expect(negotiation.isAgreed)
        #expect(reply.readableBytes == 0)
    }
}
