import Testing

@testable import P2PWire

@Suite struct IPAddressScopeTests {
    @Test(
        arguments: [
            ("127.0.0.1", .loopback), ("127.255.0.1", .loopback), ("169.254.1.1", .linkLocal),
            ("10.0.0.1", .site), ("172.16.0.1", .site), ("172.31.255.1", .site), ("192.168.0.1", .site),
            ("100.64.0.1", .site), ("100.127.0.1", .site),
            ("172.15.0.1", .global), ("172.32.0.1", .global), ("100.63.0.1", .global), ("100.128.0.1", .global),
            ("192.167.0.1", .global), ("8.8.8.8", .global), ("223.255.255.1", .global), ("198.20.0.1", .global),
            ("0.0.0.0", .none), ("0.1.2.3", .none), ("192.0.0.1", .none), ("192.0.2.1", .none), ("198.18.0.1", .none),
            ("198.51.100.1", .none), ("203.0.113.9", .none), ("224.0.0.1", .none), ("255.255.255.255", .none),
        ] as [(String, IPAddress.Scope)]
    )
    func `knows from where an IPv4 address can be reached`(text: String, scope: IPAddress.Scope) throws {
        #expect(try IPAddress(text, family: .v4).scope == scope)
    }

    @Test(
        arguments: [
            ("::1", .loopback), ("::", .none), ("::2", .none), ("fe80::1", .linkLocal), ("febf::1", .linkLocal),
            ("fc00::1", .site), ("fdff::1", .site), ("2001:db8::1", .none), ("2001:db9::1", .global),
            ("2606:4700::1111", .global), ("3fff::1", .global), ("ff02::1", .none), ("4000::1", .none),
        ] as [(String, IPAddress.Scope)]
    )
    func `knows from where an IPv6 address can be reached`(text: String, scope: IPAddress.Scope) throws {
        #expect(try IPAddress(text, family: .v6).scope == scope)
    }

    @Test(
        arguments: [
            ("::ffff:127.0.0.1", .loopback), ("::ffff:10.1.2.3", .site), ("::ffff:8.8.8.8", .global),
            ("64:ff9b::127.0.0.1", .loopback), ("64:ff9b::c0a8:1", .site), ("64:ff9b::808:808", .global),
        ] as [(String, IPAddress.Scope)]
    )
    func `sees through an IPv4 address that is dressed as IPv6`(text: String, scope: IPAddress.Scope) throws {
        #expect(try IPAddress(text, family: .v6).scope == scope)
    }
}
