import NIOCore
import NIOPosix
import P2PWire
import Synchronization
import Testing

@testable import P2PCore

/// Names in addresses, against a name server of the test's own on loopback.
@Suite(.timeLimit(.minutes(1))) struct HostResolvingTests {
    /// What the server has published: the texts under each name.
    private typealias Zone = [String: [String]]

    private static func client(of servers: [SocketAddress]) -> DNSClient {
        DNSClient(servers: servers, eventLoop: MultiThreadedEventLoopGroup.singleton.any(), patience: .seconds(30))
    }

    private func dial(
        _ address: String,
        zone: @escaping @Sendable (Host) -> Zone = { _ in [:] }
    ) async throws -> (dialled: PeerID, server: PeerID) {
        let names = Mutex<[String: [String]]>([:])
        let server = try await NameServer { name in names.withLock { $0[name] } ?? [] }
        let nameServer = try Multiaddr("/ip4/127.0.0.1/udp/\(server.port)")
        let outcome = Mutex<(PeerID, PeerID)?>(nil)
        do {
            try await withTwoHosts(client: { $0.nameServers = [nameServer] }) { host, client, _ in
                let place = try #require(host.listenAddresses.first?.description)
                names.withLock { names in
                    names = zone(host).mapValues { $0.map { "dnsaddr=" + $0.replacing("PLACE", with: place) } }
                }
                let port = place.split(separator: "/").last ?? ""
                let text = address.replacing("PORT", with: port).replacing("ID", with: "\(host.peerID)")
                let dialled = try await client.dial(try Multiaddr(text))
                outcome.withLock { $0 = (dialled, host.peerID) }
            }
        } catch {
            await server.close()
            throw error
        }
        await server.close()
        return try #require(outcome.withLock { $0 })
    }

    @Test(arguments: ["/dns/localhost/tcp/PORT", "/dns4/localhost/tcp/PORT/p2p/ID", "/dns4/localhost/tcp/PORT"])
    func `a name of the hosts file is dialled`(address: String) async throws {
        let (dialled, server) = try await self.dial(address)
        #expect(dialled == server)
    }

    @Test func `a name is only resolved to the kind of address that is asked for`() async throws {
        await #expect(throws: P2PError.self) {
            // The host listens on IPv4 alone.
            try await self.dial("/dns6/localhost/tcp/PORT/p2p/ID")
        }
    }

    @Test func `a name that does not exist is named`() async throws {
        let error = await #expect(throws: P2PError.self) { try await self.dial("/dns4/no-such-name.invalid/tcp/PORT") }
        #expect(error?.code == .dialFailed && error?.message.contains("no-such-name.invalid") == true)
    }

    @Test(arguments: ["/dnsaddr/example.org", "/dnsaddr/example.org/p2p/ID"])
    func `published addresses are followed through other names, and those of other peers are left out`(
        address: String
    ) async throws {
        let stranger = "/ip4/127.0.0.1/tcp/1/p2p/\(Identity().peerID)"
        let (dialled, server) = try await self.dial(address) { host in
            [
                "_dnsaddr.example.org": ["no address", "/dnsaddr/a.example.org/p2p/\(host.peerID)"]
                    + (address.hasSuffix("ID") ? [stranger] : []),
                "_dnsaddr.a.example.org": ["PLACE/p2p/\(host.peerID)"],
            ]
        }
        #expect(dialled == server)
    }

    @Test func `a name that publishes nothing for the peer is named`() async throws {
        let error = await #expect(throws: P2PError.self) {
            try await self.dial("/dnsaddr/example.org/p2p/ID") { _ in
                ["_dnsaddr.example.org": ["/ip4/127.0.0.1/tcp/1/p2p/\(Identity().peerID)"]]
            }
        }
        #expect(error?.message.contains("/dnsaddr/example.org") == true)
    }

    @Test func `names that lead to ever more names are asked for a bounded number of times`() async throws {
        let asked = Mutex(0)
        let server = try await NameServer { _ in
            asked.withLock { $0 += 1 }
            return (0..<16).map { "dnsaddr=/dnsaddr/n\($0).example.org" }
        }
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: server.port)
        let dns = Self.client(of: [address])
        var resolver = AddressResolver(dns: dns)
        #expect(try await resolver.resolve([try Multiaddr("/dnsaddr/example.org")]).isEmpty)
        #expect(asked.withLock { $0 } == Limits.namesPerDial)
        await server.close()
    }

    @Test func `an answer that was cut is asked for again over TCP`() async throws {
        let server = try await NameServer(cutsDatagrams: true) { _ in ["dnsaddr=/ip4/1.2.3.4/tcp/5"] }
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: server.port)
        let dns = Self.client(of: [address])
        #expect(try await dns.texts(of: DNSName("example.org")) == ["dnsaddr=/ip4/1.2.3.4/tcp/5"])
        await server.close()
    }

    @Test func `the next server is asked when one is not there`() async throws {
        let server = try await NameServer { _ in ["here"] }
        let addresses = try [1, server.port].map { try SocketAddress(ipAddress: "127.0.0.1", port: $0) }
        let dns = Self.client(of: addresses)
        #expect(try await dns.texts(of: DNSName("example.org")) == ["here"])
        await server.close()
    }

    @Test func `the system's servers are read from its configuration`() {
        let text = "# a comment\nnameserver 10.0.0.1\noptions edns0\nnameserver\tfd00::1\nnameserver x\n"
        #expect(DNSClient.servers(in: text).map(\.ipAddress) == ["10.0.0.1", "fd00::1"])
    }

    @Test func `IPv6 is listened on and dialled, beside IPv4 on the same port`() async throws {
        guard (try? await Self.bindsIPv6()) == true else {
            print("skipped: this machine has no IPv6")
            return
        }
        var configuration = Host.Configuration.quiet
        configuration.listenAddresses = [try Multiaddr("/ip6/::1/tcp/0"), try Multiaddr("/ip4/127.0.0.1/tcp/0")]
        try await withHost(configuration) { host in
            #expect(host.listenAddresses.map { $0.description.hasPrefix("/ip6/::1/tcp/") } == [true, false])
            try await withHost(.quiet) { client in
                for address in host.dialAddresses {
                    let dialled = try await client.dial(address)
                    #expect(dialled == host.peerID)
                    await client.disconnect(host.peerID)
                }
            }
        }
    }

    @Test func `an address with an interface's name is refused, which means nothing to anybody else`() {
        #expect(throws: WireError.self) { try Multiaddr("/ip6/fe80::1%eth0/tcp/1") }
    }

    private static func bindsIPv6() async throws -> Bool {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "::1", port: 0).get()
        try await channel.close()
        return true
    }
}
