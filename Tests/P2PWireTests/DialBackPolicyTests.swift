import Testing

@testable import P2PWire

@Suite struct DialBackPolicyTests {
    private func decide(
        _ address: String,
        from observed: String? = nil,
        policy: DialBackPolicy = DialBackPolicy(families: [.v4, .v6])
    ) throws -> DialBackPolicy.Decision {
        let observed = try observed.map { try IPAddress($0, family: $0.contains(":") ? .v6 : .v4) }
        return policy.decision(on: try Multiaddr(address), observed: observed)
    }

    @Test(arguments: ["8.8.8.8", "192.168.1.5", "127.0.0.1", "169.254.3.4"])
    func `dials where the asker comes from, whatever that is`(ip: String) throws {
        #expect(try self.decide("/ip4/\(ip)/tcp/4801", from: ip) == .dial)
    }

    @Test func `a foreign address of the internet costs data`() throws {
        #expect(try self.decide("/ip4/8.8.4.4/tcp/4801", from: "8.8.8.8") == .dialAfterData)
        #expect(try self.decide("/ip4/8.8.4.4/tcp/4801") == .dialAfterData)
        #expect(try self.decide("/ip6/2606:4700::1/tcp/4801", from: "8.8.8.8") == .dialAfterData)
    }

    @Test(arguments: ["127.0.0.1", "169.254.1.1", "10.0.0.7", "224.0.0.1", "0.0.0.0"])
    func `does not let strangers reach what is near this machine`(ip: String) throws {
        #expect(try self.decide("/ip4/\(ip)/tcp/4801", from: "8.8.8.8") == .refuse)
        #expect(try self.decide("/ip6/::ffff:\(ip)/tcp/4801", from: "8.8.8.8") == .refuse)
    }

    @Test func `a private network may let its peers name any of its addresses, but no machine's own`() throws {
        let policy = DialBackPolicy(families: [.v4], dialsSites: true)
        #expect(try self.decide("/ip4/10.0.0.7/tcp/4801", from: "10.0.0.8", policy: policy) == .dialAfterData)
        #expect(try self.decide("/ip4/127.0.0.1/tcp/4801", from: "10.0.0.8", policy: policy) == .refuse)
    }

    @Test(arguments: [
        "/ip4/8.8.8.8/tcp/0", "/ip4/8.8.8.8/udp/4801", "/dns4/example.com/tcp/4801", "/ip4/8.8.8.8/tcp/1/ws",
        "/ip4/8.8.8.8/tcp/4001/p2p/12D3KooWDb7R3ysGeFmNBsoQkHF7AMhvJUoVG17ZEkNzDzfmRWpC/p2p-circuit",
    ])
    func `refuses what is no socket of TCP at an IP address`(address: String) throws {
        #expect(try self.decide(address, from: "8.8.8.8") == .refuse)
    }

    @Test func `refuses families that it cannot reach itself`() throws {
        let policy = DialBackPolicy(families: [.v4])
        #expect(try self.decide("/ip6/2606:4700::1/tcp/4801", from: "2606:4700::1", policy: policy) == .refuse)
    }
}
