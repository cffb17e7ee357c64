import Testing

@testable import P2PWire

@Suite struct MultiaddrTests {
    private static let peer = "12D3KooWDb7R3ysGeFmNBsoQkHF7AMhvJUoVG17ZEkNzDzfmRWpC"

    /// Text and bytes as the multiaddr table defines them.
    @Test(arguments: [
        ("/ip4/127.0.0.1/tcp/4801", "047f000001" + "0612c1"),
        ("/ip6/::1/tcp/65535", "2900000000000000000000000000000001" + "06ffff"),
        ("/ip6/2001:db8::1/udp/0/quic-v1", "2920010db8000000000000000000000001" + "91020000" + "cd03"),
        ("/dns/a.example/tcp/80", "3509612e6578616d706c65" + "060050"),
        ("/dns4/localhost/tcp/443/ws", "36096c6f63616c686f7374" + "0601bb" + "dd03"),
        ("/dns6/x/tcp/1", "370178" + "060001"),
        ("/dnsaddr/bootstrap.libp2p.io", "3813626f6f7473747261702e6c69627032702e696f"),
        (
            "/ip4/1.2.3.4/tcp/4801/p2p/\(peer)",
            "0401020304" + "0612c1"
                + "a503260024080112" + "20380983fbd5e6b437a3344cc5918266baf8c566d1209efc44ad2dae6cb309e145"
        ),
        (
            "/p2p/\(peer)/p2p-circuit",
            "a503260024080112" + "20380983fbd5e6b437a3344cc5918266baf8c566d1209efc44ad2dae6cb309e145" + "a202"
        ),
    ])
    func `text and bytes are the same address`(text: String, encoding: String) throws {
        let address = try Multiaddr(text)
        #expect(hex(address.bytes) == encoding)
        #expect(address.description == text)
        #expect(try Multiaddr(bytes: bytes(hex: encoding)) == address)
    }

    @Test func `takes a slash at the end and the old name of p2p`() throws {
        #expect(try Multiaddr("/ip4/1.2.3.4/tcp/1/") == Multiaddr("/ip4/1.2.3.4/tcp/1"))
        #expect(try Multiaddr("/ipfs/\(Self.peer)").description == "/p2p/\(Self.peer)")
    }

    @Test(arguments: [
        "", "/", "//", "127.0.0.1:80", "ip4/1.2.3.4", "/ip4", "/ip4/", "/ip4/256.0.0.1", "/ip4/1.2.3", "/ip4/::1",
        "/ip6/127.0.0.1", "/ip6/::g", "/tcp/65536", "/tcp/-1", "/tcp/+1", "/tcp/x", "/dns/", "/dns/a b", "/dns4/é",
        "/p2p/hello", "/sctp/5", "/ip4/1.2.3.4//tcp/1",
    ])
    func `refuses text that is not an address`(text: String) {
        #expect(throws: WireError.self) { try Multiaddr(text) }
    }

    @Test(arguments: [
        "", "04", "047f0000", "06", "0612", "35", "3505", "350141ff", "3500", "a503", "a50300", "80", "8400",
    ])
    func `refuses bytes that are not an address`(encoding: String) {
        #expect(throws: WireError.self) { try Multiaddr(bytes: bytes(hex: encoding)) }
    }

    @Test func `names an unknown protocol by its code`() {
        #expect {
            try Multiaddr(bytes: bytes(hex: "047f000001" + "840112c1"))
        } throws: {
            ($0 as? WireError)?.code == .unsupported && ($0 as? WireError)?.message.contains("132") == true
        }
    }

    @Test func `a name that holds a slash cannot pose as another address`() {
        #expect(throws: WireError.self) { try Multiaddr(bytes: [0x35, 7] + Array("x/tcp/1".utf8)) }
    }

    @Test func `adds, replaces and removes the peer at the end`() throws {
        let (a, b) = (Identity().peerID, Identity().peerID)
        let place = try Multiaddr("/ip4/1.2.3.4/tcp/1")
        #expect(place.peerID == nil)
        #expect(place.appending(peer: a).peerID == a)
        #expect(place.appending(peer: a).appending(peer: b) == place.appending(peer: b))
        #expect(place.appending(peer: a).withoutPeerID == place)

        let relayed = try Multiaddr("/ip4/1.2.3.4/tcp/1/p2p/\(a)/p2p-circuit")
        #expect(relayed.peerID == nil)
        #expect(relayed.appending(peer: b).description == "\(relayed)/p2p/\(b)")
    }

    @Test func `finds the socket of plain TCP addresses only`() throws {
        #expect(try Multiaddr("/ip4/1.2.3.4/tcp/5").tcpEndpoint == TCPEndpoint(host: .ip4("1.2.3.4"), port: 5))
        #expect(try Multiaddr("/ip6/::1/tcp/5/p2p/\(Self.peer)").tcpEndpoint == TCPEndpoint(host: .ip6("::1"), port: 5))
        #expect(try Multiaddr("/dns4/x.y/tcp/5").tcpEndpoint == TCPEndpoint(host: .dns4("x.y"), port: 5))
        for text in ["/ip4/1.2.3.4", "/ip4/1.2.3.4/udp/5", "/dnsaddr/x/tcp/5", "/ip4/1.2.3.4/tcp/5/ws"] {
            #expect(try Multiaddr(text).tcpEndpoint == nil)
        }
        #expect(try Multiaddr("/ip4/1.2.3.4/tcp/5/p2p/\(Self.peer)/p2p-circuit").tcpEndpoint == nil)
        #expect(try Multiaddr(ipAddress: "::1", tcpPort: 5).description == "/ip6/::1/tcp/5")
        #expect(try Multiaddr(ipAddress: "10.0.0.1", tcpPort: 5).description == "/ip4/10.0.0.1/tcp/5")
    }

    @Test func `reads addresses up to the bound`() throws {
        let tcp = bytes(hex: "060001")
        let count = Limits.multiaddrLength / tcp.count
        let atBound = Array((0..<count).map { _ in tcp }.joined())
        #expect(try Multiaddr(bytes: atBound).bytes == atBound)
        #expect { try Multiaddr(bytes: atBound + tcp) } throws: { ($0 as? WireError)?.code == .tooLarge }
        let name = String(repeating: "a", count: Limits.dnsNameLength)
        #expect(try Multiaddr("/dns/" + name).description == "/dns/" + name)
        #expect(throws: WireError.self) { try Multiaddr("/dns/a" + name) }
    }

    @Test func `random bytes are an address or an error`() {
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<5_000 {
            let bytes = generator.bytes(upTo: 40)
            if let address = try? Multiaddr(bytes: bytes) {
                #expect(address.bytes == bytes)
                #expect((try? Multiaddr(address.description)) == address)
            }
        }
    }

    @Test func `skips addresses of unknown kinds and stops at the bound`() throws {
        let known = try Multiaddr("/ip4/1.2.3.4/tcp/1")
        #expect(Multiaddr.readable([[0x84, 0x01], known.bytes, []]) == [known])
        let many = [[UInt8]](repeating: known.bytes, count: Limits.learnedAddressCount + 1)
        #expect(Multiaddr.readable(many).count == Limits.learnedAddressCount)
    }
}
