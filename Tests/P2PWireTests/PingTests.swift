import Testing

@testable import P2PWire

@Suite struct PingTests {
    @Test func `a payload is 32 bytes that nobody can guess`() {
        #expect(Ping.payload().count == 32)
        #expect(Ping.payload() != Ping.payload())
    }
}
