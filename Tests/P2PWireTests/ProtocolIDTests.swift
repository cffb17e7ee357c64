import Testing

@testable import P2PWire

@Suite struct ProtocolIDTests {
    @Test func `carries names without a leading slash unchanged`() {
        let id: ProtocolID = "DHTProtocol.rpc_find"
        #expect(id.name == "DHTProtocol.rpc_find" && "\(id)" == "DHTProtocol.rpc_find")
    }

    @Test func `compares bytes, not characters that look alike`() {
        #expect(ProtocolID("/caf\u{e9}") != ProtocolID("/cafe\u{301}"))
        #expect(ProtocolID("/a/1") == "/a/1")
    }
}
