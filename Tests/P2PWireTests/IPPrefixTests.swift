import Testing

@testable import P2PWire

@Suite struct IPPrefixTests {
    private func address(_ text: String) throws -> IPAddress {
        try IPAddress(text, family: text.contains(":") ? .v6 : .v4)
    }

    @Test func `a prefix keeps its bits and clears the others`() throws {
        #expect(try self.address("192.168.255.7").prefix(20).description == "192.168.240.0/20")
        #expect(try self.address("192.168.255.7").prefix(32).description == "192.168.255.7/32")
        #expect(try self.address("192.168.255.7").prefix(0).description == "0.0.0.0/0")
        #expect(try self.address("2001:db8:1:2ff::9").prefix(56).description == "2001:db8:1:200::/56")
        #expect(try self.address("2001:db8::1").prefix(200).bitCount == 128)
    }

    @Test func `a prefix holds its own addresses and no others`() throws {
        let prefix = try self.address("10.1.2.3").prefix(24)
        #expect(prefix.contains(try self.address("10.1.2.255")))
        #expect(!prefix.contains(try self.address("10.1.3.0")))
        #expect(!prefix.contains(try self.address("::10.1.2.3")))
    }

    @Test func `a mapped IPv4 address is that address`() throws {
        #expect(try self.address("::ffff:203.0.113.9").unmapped == self.address("203.0.113.9"))
        #expect(try self.address("2001:db8::1").unmapped == self.address("2001:db8::1"))
    }

    @Test(arguments: ["127.0.0.1", "127.255.0.3", "::1"])
    func `loopback is this machine`(text: String) throws {
        #expect(try self.address(text).isLoopback)
        #expect(try !self.address(text).isPrivate)
    }

    @Test(arguments: [
        "10.0.0.1", "172.16.0.1", "172.31.255.1", "192.168.1.1", "169.254.0.1", "100.64.0.1", "100.127.0.1", "fd00::1",
        "fe80::1",
    ])
    func `private ranges are known`(text: String) throws {
        #expect(try self.address(text).isPrivate)
        #expect(try !self.address(text).isLoopback)
    }

    @Test(arguments: [
        "172.15.0.1", "172.32.0.1", "192.169.0.1", "100.63.0.1", "100.128.0.1", "2001:db8::1", "::", "11.0.0.1",
    ])
    func `all else is public`(text: String) throws {
        #expect(try !self.address(text).isPrivate)
        #expect(try !self.address(text).isLoopback)
    }

    @Test func `an address begins with an IP address or a name`() throws {
        #expect(try Multiaddr("/ip4/10.0.0.1/tcp/1").ipAddress == self.address("10.0.0.1"))
        #expect(try Multiaddr("/ip6/::ffff:10.0.0.1/tcp/1").ipAddress == self.address("10.0.0.1"))
        #expect(try Multiaddr("/dns4/example.org/tcp/1").ipAddress == nil)
    }
}
