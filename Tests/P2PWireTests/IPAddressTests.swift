import Testing

@testable import P2PWire

@Suite struct IPAddressTests {
    @Test(arguments: ["0.0.0.0", "127.0.0.1", "255.255.255.255"])
    func `prints IPv4 as it was read`(text: String) throws {
        #expect(try IPAddress(text, family: .v4).description == text)
    }

    @Test(arguments: [("::", "::"), ("0:0::1", "::1"), ("2001:DB8::A", "2001:db8::a")])
    func `prints IPv6 in its shortest form`(text: String, canonical: String) throws {
        #expect(try IPAddress(text, family: .v6).description == canonical)
    }
}
