import NIOCore
import Testing

@testable import P2PWire

@Suite struct DNSMessageTests {
    private let name: DNSName

    init() throws {
        self.name = try DNSName("_dnsaddr.example.org")
    }

    // MARK: Golden bytes

    /// As `dig TXT` sends it, with recursion wanted and EDNS(0).
    @Test func `a question for texts`() throws {
        let message = DNSMessage(id: 0x1234, questions: [.init(self.name, DNSMessage.RecordType.text)])
        let expected =
            "12340100 0001 0000 0000 0001" + "085f646e7361646472 076578616d706c65 036f7267 00 0010 0001"
            + "00 0029 2328 00000000 0000"
        #expect(message.bytes(offersLargeAnswers: true) == ByteBuffer(bytes: bytes(hex: expected)))
    }

    /// An answer whose name is a pointer to the question, with a text of two strings and a record of another kind.
    @Test func `an answer with a compressed name`() throws {
        let bytes =
            "1234 8180 0001 0002 0000 0000" + "085f646e7361646472076578616d706c65036f726700 0010 0001"
            + "c00c 0010 0001 0000003c 0007 03616263 026465" + "c00c 0063 0001 00000001 0002 ffff"
        let message = try DNSMessage(bytes: ByteBuffer(bytes: P2PWireTests.bytes(hex: bytes)))
        #expect(message.id == 0x1234 && message.isResponse && !message.isTruncated && message.responseCode == 0)
        #expect(
            message.answers == [
                .init(self.name, timeToLive: 60, .text([Array("abc".utf8), Array("de".utf8)])),
                .init(self.name, timeToLive: 1, .other(type: 99)),
            ]
        )
    }

    // MARK: Round trips and refusals

    @Test func `every kind of record survives a round trip`() throws {
        let records: [DNSMessage.Data] = [
            .address(try IPAddress("10.1.2.3", family: .v4)), .address(try IPAddress("fe80::1", family: .v6)),
            .pointer(try DNSName("x._p2p._udp.local")), .service(port: 4001, target: try DNSName("x.local")),
            .text([[1, 2], []]),
        ]
        let message = DNSMessage(
            isResponse: true,
            answers: records.map { .init(self.name, timeToLive: 120, $0) },
            additionals: records.map { .init(self.name, timeToLive: 1, $0) }
        )
        #expect(try DNSMessage(bytes: message.bytes()) == message)
    }

    @Test func `names are compared without regard to case`() throws {
        #expect(try DNSName("EXAMPLE.Org.") == DNSName("example.org"))
        #expect(try DNSName("example.org").prefixed(by: "_dnsaddr").description == "_dnsaddr.example.org")
    }

    @Test(arguments: ["", "a..b", String(repeating: "a", count: 64), String(repeating: "abc.", count: 64)])
    func `a name that DNS cannot carry is refused`(text: String) {
        #expect(throws: WireError.self) { try DNSName(text) }
    }

    /// Pointers to itself, forwards, in a circle, and past the end.
    @Test(arguments: ["c00c", "c010 0000 0000 00", "0161 c00c", "c0ff", "41", "3f61"])
    func `a name that leads nowhere is refused`(name: String) throws {
        let bytes = P2PWireTests.bytes(hex: "0000 8000 0001 0000 0000 0000" + name + "0010 0001")
        #expect(throws: WireError.self) { try DNSMessage(bytes: ByteBuffer(bytes: bytes)) }
    }

    @Test func `more records than any answer has are refused before they are read`() throws {
        let error = #expect(throws: WireError.self) {
            try DNSMessage(bytes: ByteBuffer(bytes: bytes(hex: "0000 8000 0000 ffff 0000 0000")))
        }
        #expect(error?.code == .tooLarge)
    }

    @Test func `cut or changed bytes end in an error or a message, never in a trap`() throws {
        let whole = DNSMessage(
            isResponse: true,
            questions: [.init(self.name, 12)],
            answers: [.init(self.name, timeToLive: 1, .service(port: 1, target: self.name))],
            additionals: [.init(self.name, timeToLive: 1, .text([Array("dnsaddr=/ip4/1.2.3.4".utf8)]))]
        ).bytes()
        for length in 0..<whole.readableBytes {
            guard let cut = whole.getSlice(at: 0, length: length) else { continue }
            #expect(throws: WireError.self) { try DNSMessage(bytes: cut) }
        }
        var generator = SeededGenerator(seed: 53)
        for _ in 0..<20_000 {
            var changed = whole
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let index = Int.random(in: 0..<changed.readableBytes, using: &generator)
                changed.setInteger(UInt8.random(in: 0...255, using: &generator), at: index)
            }
            _ = try? DNSMessage(bytes: changed)
        }
    }
}
