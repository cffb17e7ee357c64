import NIOCore
import Testing

@testable import P2PWire

@Suite struct MulticastDiscoveryTests {
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private let peer = Identity().peerID

    private func discovery(_ peer: PeerID, _ addresses: [String], seed: UInt64 = 1) throws -> MulticastDiscovery {
        var generator = SeededGenerator(seed: seed)
        return MulticastDiscovery(
            peer: peer,
            addresses: try addresses.map { try Multiaddr($0) },
            at: Self.start,
            using: &generator
        )
    }

    private func sent(_ actions: [MulticastDiscovery.Action]) throws -> [DNSMessage] {
        try actions.compactMap { action in
            guard case .send(let bytes) = action else { return nil }
            return try DNSMessage(bytes: bytes)
        }
    }

    @Test func `two peers find each other, and each answers its own question`() throws {
        var listener = try self.discovery(self.peer, ["/ip4/192.168.1.2/tcp/4801", "/ip6/fd00::2/tcp/4801"])
        var client = try self.discovery(Identity().peerID, [], seed: 2)
        guard case .send(let question)? = client.tick(at: Self.start).first else { throw Missing() }
        let answers = listener.received(question, at: Self.start)
        guard case .send(let answer)? = answers.first else { throw Missing() }
        let expected = PeerInfo(id: self.peer, addresses: listener.addresses)
        #expect(client.received(answer, at: Self.start) == [.discovered(expected)])
        #expect(listener.received(answer, at: Self.start) == [], "a peer does not discover itself")
        // A client has nothing to be found at.
        #expect(client.received(question, at: Self.start) == [])
    }

    @Test func `an answer has the form that the specification shows`() throws {
        var discovery = try self.discovery(self.peer, ["/ip4/192.168.1.2/tcp/4801"])
        let messages = try self.sent(discovery.tick(at: Self.start))
        let service = try DNSName("_p2p._udp.local")
        #expect(messages.count == 2)
        #expect(messages[0].questions == [.init(service, DNSMessage.RecordType.pointer)] && !messages[0].isResponse)
        guard case .pointer(let instance)? = messages[1].answers.first?.data else { throw Missing() }
        #expect(messages[1].answers.first?.name == service && instance.labels[0].count >= 32)
        let text = Array("dnsaddr=/ip4/192.168.1.2/tcp/4801/p2p/\(self.peer)".utf8)
        #expect(messages[1].additionals.contains { $0.name == instance && $0.data == .text([text]) })
    }

    @Test func `questions become seldom, and answers are rationed`() throws {
        var discovery = try self.discovery(self.peer, ["/ip4/192.168.1.2/tcp/4801"])
        var now = Self.start
        var count = 0
        while now < Self.start + .hours(1) {
            count += try self.sent(discovery.tick(at: now)).count { !$0.isResponse }
            now = discovery.deadline
        }
        #expect((10...20).contains(count))
        let question = try DNSMessage(questions: [.init(DNSName("_p2p._udp.local"), DNSMessage.RecordType.pointer)])
        #expect(discovery.received(question.bytes(), at: now).count == 1)
        #expect(discovery.received(question.bytes(), at: now).isEmpty)
        #expect(discovery.received(question.bytes(), at: now + Limits.mdnsAnswerPause).count == 1)
    }

    @Test func `names of other services, addresses without an id and names to be resolved lead to nothing`() throws {
        var discovery = try self.discovery(self.peer, [])
        let other = Identity().peerID
        for (name, text) in [
            ("x._p2p._udp.local", "dnsaddr=/ip4/1.2.3.4/tcp/1"),
            ("x._p2p._udp.local", "dnsaddr=/dns4/example.org/tcp/1/p2p/\(other)"),
            ("x._p2p._udp.local", "dnsaddr=/ip4/1.2.3.4/udp/1/quic-v1/p2p/\(other)"),
            ("x._p2p._udp.local", "address=/ip4/1.2.3.4/tcp/1/p2p/\(other)"),
            ("x._http._tcp.local", "dnsaddr=/ip4/1.2.3.4/tcp/1/p2p/\(other)"),
        ] {
            let record = DNSMessage.Record(try DNSName(name), timeToLive: 1, .text([Array(text.utf8)]))
            let message = DNSMessage(isResponse: true, additionals: [record])
            #expect(discovery.received(message.bytes(), at: Self.start) == [], "\(text)")
        }
    }

    /// What zeroconf makes of py-libp2p's dictionary: a number behind every key but the first.
    @Test func `numbered keys are read`() throws {
        var discovery = try self.discovery(self.peer, [])
        let other = Identity().peerID
        let texts = ["dnsaddr", "dnsaddr2"].enumerated().map { index, key in
            Array("\(key)=/ip4/1.2.3.\(index)/tcp/1/p2p/\(other)".utf8)
        }
        let record = DNSMessage.Record(try DNSName("x._p2p._udp.local"), timeToLive: 1, .text(texts))
        let actions = discovery.received(DNSMessage(isResponse: true, answers: [record]).bytes(), at: Self.start)
        let addresses = try ["/ip4/1.2.3.0/tcp/1", "/ip4/1.2.3.1/tcp/1"].map { try Multiaddr($0) }
        #expect(actions == [.discovered(PeerInfo(id: other, addresses: addresses))])
    }

    @Test func `a datagram cannot name more peers than are taken`() throws {
        var discovery = try self.discovery(self.peer, [])
        let records = try (0..<40).map { index in
            let text = Array("dnsaddr=/ip4/1.2.3.4/tcp/\(index + 1)/p2p/\(Identity().peerID)".utf8)
            return DNSMessage.Record(try DNSName("x\(index)._p2p._udp.local"), timeToLive: 1, .text([text]))
        }
        let message = DNSMessage(isResponse: true, additionals: records)
        #expect(discovery.received(message.bytes(), at: Self.start).count == Limits.mdnsPeersPerMessage)
    }

    @Test func `any bytes are survived`() throws {
        var discovery = try self.discovery(self.peer, ["/ip4/192.168.1.2/tcp/4801"])
        var generator = SeededGenerator(seed: 5353)
        for _ in 0..<10_000 {
            _ = discovery.received(ByteBuffer(bytes: generator.bytes(upTo: 200)), at: Self.start)
        }
    }

    private struct Missing: Error {}
}
