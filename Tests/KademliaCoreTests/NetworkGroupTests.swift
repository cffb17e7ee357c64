import P2PWire
import Testing

@testable import KademliaCore

@Suite struct NetworkGroupTests {
    private func groups(_ texts: String...) throws -> [NetworkGroup] {
        NetworkGroup.groups(of: try texts.map { try Multiaddr($0) })
    }

    @Test func `an IPv4 address is of its first 16 bits, an IPv6 address of its first 32`() throws {
        #expect(try self.groups("/ip4/93.184.216.34/tcp/1") == [.v4(93 << 8 | 184)])
        #expect(try self.groups("/ip4/93.184.1.2/tcp/9") == self.groups("/ip4/93.184.216.34/tcp/1"))
        #expect(try self.groups("/ip4/93.185.216.34/tcp/1") != self.groups("/ip4/93.184.216.34/tcp/1"))
        #expect(try self.groups("/ip6/2a01:db8:1::1/tcp/1") == [.v6(0x2a01_0db8)])
        #expect(try self.groups("/ip6/2a01:db8:ffff::2/tcp/1") == self.groups("/ip6/2a01:db8::1/tcp/1"))
        #expect(try self.groups("/ip6/2a01:db9::1/tcp/1") != self.groups("/ip6/2a01:db8::1/tcp/1"))
    }

    @Test func `an IPv4 address inside IPv6 is of the same group as by itself`() throws {
        #expect(try self.groups("/ip6/::ffff:93.184.1.2/tcp/1") == [.v4(93 << 8 | 184)])
        #expect(try self.groups("/ip6/::ffff:10.0.0.1/tcp/1").isEmpty)
    }

    @Test func `a peer of several networks is of each, once`() throws {
        let several = try self.groups(
            "/ip4/93.184.1.1/tcp/1",
            "/ip4/10.0.0.1/tcp/1",
            "/ip4/93.184.2.2/tcp/1",
            "/ip6/2a01:db8::1/tcp/1"
        )
        #expect(several == [.v4(93 << 8 | 184), .v6(0x2a01_0db8)])
    }

    @Test(arguments: [
        "/ip4/127.0.0.1/tcp/1", "/ip4/10.1.2.3/tcp/1", "/ip4/172.16.0.1/tcp/1", "/ip4/172.31.255.255/tcp/1",
        "/ip4/192.168.1.1/tcp/1", "/ip4/169.254.1.1/tcp/1", "/ip4/100.64.0.1/tcp/1", "/ip4/100.127.0.1/tcp/1",
        "/ip4/0.0.0.0/tcp/1", "/ip4/224.0.0.251/tcp/1", "/ip4/255.255.255.255/tcp/1", "/ip6/::1/tcp/1", "/ip6/::/tcp/1",
        "/ip6/fe80::1/tcp/1", "/ip6/febf::1/tcp/1", "/ip6/fc00::1/tcp/1", "/ip6/fd12::1/tcp/1", "/ip6/ff02::1/tcp/1",
        "/dns4/example.org/tcp/1",
    ])
    func `what the internet does not route to, and names, are of no group`(text: String) throws {
        #expect(try self.groups(text).isEmpty)
    }

    @Test(arguments: [
        "/ip4/172.15.0.1/tcp/1", "/ip4/172.32.0.1/tcp/1", "/ip4/192.167.0.1/tcp/1", "/ip4/100.63.0.1/tcp/1",
        "/ip4/100.128.0.1/tcp/1", "/ip4/223.255.0.1/tcp/1", "/ip6/2000::1/tcp/1",
    ])
    func `the addresses beside those ranges are`(text: String) throws {
        #expect(try self.groups(text).count == 1)
    }
}
