import NIOCore
import P2PWire
import Testing

@testable import P2PCore

@Suite struct ResourceLedgerTests {
    private let greedy = Identity().peerID
    private let modest = Identity().peerID
    private let now = NIODeadline.uptimeNanoseconds(1_000_000_000)

    private func ledger(_ change: (inout ResourceLimits) -> Void = { _ in }) -> ResourceLedger {
        var limits = ResourceLimits()
        change(&limits)
        return ResourceLedger(limits: limits)
    }

    private func address(_ text: String) throws -> IPAddress {
        try IPAddress(text, family: text.contains(":") ? .v6 : .v4)
    }

    /// What the ledger refuses, in words.
    private func refusal(_ body: () throws(ResourceRefusal) -> Void) throws -> String {
        do throws(ResourceRefusal) {
            try body()
        } catch {
            return P2PError(error).message
        }
        try #require(Bool(false), "nothing was refused")
        return ""
    }

    // MARK: Connections

    @Test func `a refusal in one scope takes nothing from the others`() throws {
        var ledger = self.ledger { $0.transient.inbound.connections = 1 }
        let first = try ledger.accept(from: self.address("10.0.0.1"), at: self.now)
        let before = ledger.usage(of: .system)
        #expect(throws: ResourceRefusal.self) { try ledger.accept(from: self.address("10.0.0.2"), at: self.now) }
        #expect(ledger.usage(of: .system) == before)
        #expect(ledger.usage(of: .transient).inbound.connections == 1)
        #expect(ledger.scopes.count == 3)
        ledger.giveBack(first)
        #expect(ledger.scopes.isEmpty)
    }

    @Test func `whoever proves who it is leaves the strangers and counts as a peer`() throws {
        var ledger = self.ledger()
        var claim = try ledger.accept(from: self.address("10.0.0.1"), at: self.now)
        try ledger.authenticate(&claim, as: self.greedy, connection: 1)
        #expect(ledger.usage(of: .transient) == ResourceUsage())
        #expect(ledger.usage(of: .peer(self.greedy)).inbound.connections == 1)
        #expect(ledger.usage(of: .peer(self.greedy)).inbound.memory == Limits.connectionMemory)
        #expect(ledger.usage(of: .system).inbound.connections == 1)
        ledger.giveBack(claim)
        #expect(ledger.scopes.isEmpty)
    }

    @Test func `a peer above its connections stays a stranger until it is closed`() throws {
        var ledger = self.ledger()
        for number in 1...8 {
            var claim = try ledger.accept(from: nil, at: self.now)
            try ledger.authenticate(&claim, as: self.greedy, connection: UInt64(number))
        }
        var ninth = try ledger.accept(from: nil, at: self.now)
        let words = try self.refusal { () throws(ResourceRefusal) in
            try ledger.authenticate(&ninth, as: self.greedy, connection: 9)
        }
        #expect(words.hasPrefix("\(self.greedy) has 8 connections"))
        #expect(ledger.usage(of: .transient).inbound.connections == 1)
        ledger.giveBack(ninth)
        #expect(ledger.usage(of: .transient) == ResourceUsage())
        #expect(ledger.usage(of: .system).inbound.connections == 8)
    }

    @Test func `strangers cannot take what is kept for dials`() throws {
        var ledger = self.ledger {
            $0.system.inbound.connections = 3
            $0.system.total.connections = 4
        }
        for _ in 0..<3 { _ = try ledger.accept(from: nil, at: self.now) }
        let words = try self.refusal { () throws(ResourceRefusal) in _ = try ledger.accept(from: nil, at: self.now) }
        #expect(words.hasPrefix("this host has 3 connections"))
        _ = try ledger.dial()
        #expect(throws: ResourceRefusal.self) { try ledger.dial() }
    }

    @Test func `a closed connection keeps the memory of what waits to be read`() throws {
        var ledger = self.ledger()
        var claim = try ledger.accept(from: nil, at: self.now)
        try ledger.authenticate(&claim, as: self.greedy, connection: 1)
        ledger.close(&claim)
        #expect(ledger.usage(of: .peer(self.greedy)).inbound == ResourceAmount(memory: Limits.connectionMemory))
        ledger.giveBack(claim)
        #expect(ledger.scopes.isEmpty)
    }

    // MARK: Networks

    @Test func `one public address has 8 connections and leaves room for its neighbour`() throws {
        var ledger = self.ledger()
        let address = try self.address("203.0.113.9")
        for _ in 0..<8 { _ = try ledger.accept(from: address, at: self.now) }
        let words = try self.refusal { () throws(ResourceRefusal) in _ = try ledger.accept(from: address, at: self.now)
        }
        #expect(words.hasPrefix("203.0.113.9/32 has 8 connections"))
        _ = try ledger.accept(from: self.address("203.0.113.10"), at: self.now)
    }

    @Test func `a public address makes 16 connections at once and one more every 5 seconds`() throws {
        var ledger = self.ledger()
        let address = try self.address("203.0.113.9")
        for _ in 0..<16 { ledger.giveBack(try ledger.accept(from: address, at: self.now)) }
        let words = try self.refusal { () throws(ResourceRefusal) in _ = try ledger.accept(from: address, at: self.now)
        }
        #expect(words.contains("more than 16 new connections at once or 0.2 a second") && words.contains("in 5.0 s"))
        #expect(ledger.scopes.isEmpty)
        #expect(throws: ResourceRefusal.self) { try ledger.accept(from: address, at: self.now + .milliseconds(4990)) }
        ledger.giveBack(try ledger.accept(from: address, at: self.now + .seconds(5)))
        #expect(throws: ResourceRefusal.self) { try ledger.accept(from: address, at: self.now + .seconds(5)) }
    }

    @Test func `a customer's IPv6 addresses are one network and its site another`() throws {
        var ledger = self.ledger()
        for index in 0..<8 { _ = try ledger.accept(from: self.address("2001:db8:0:\(index)::1"), at: self.now) }
        let neighbour = try self.address("2001:db8:0:ff::1")
        let same = try self.refusal { () throws(ResourceRefusal) in
            _ = try ledger.accept(from: neighbour, at: self.now)
        }
        #expect(same.hasPrefix("2001:db8::/56 has 8 connections"))
        for group in 1..<8 {
            for _ in 0..<8 { _ = try ledger.accept(from: self.address("2001:db8:0:\(group)00::1"), at: self.now) }
        }
        let further = try self.address("2001:db8:0:900::1")
        let site = try self.refusal { () throws(ResourceRefusal) in
            _ = try ledger.accept(from: further, at: self.now)
        }
        #expect(site.hasPrefix("2001:db8::/48 has 64 connections"))
    }

    @Test func `a household behind one private address is not locked out and this machine never is`() throws {
        var ledger = self.ledger {
            $0.system = ResourceBound()
            $0.transient = ResourceBound()
        }
        for _ in 0..<128 { _ = try ledger.accept(from: self.address("192.168.1.1"), at: self.now) }
        #expect(throws: ResourceRefusal.self) { try ledger.accept(from: self.address("192.168.1.1"), at: self.now) }
        for text in ["127.0.0.1", "::1"] {
            for _ in 0..<1000 { _ = try ledger.accept(from: self.address(text), at: self.now) }
        }
    }

    @Test func `machines of this host's own link are not one customer`() throws {
        var ledger = self.ledger()
        ledger.setOwnAddresses([try self.address("2001:db8:0:1::1"), try self.address("203.0.113.1")])
        for index in 2..<40 { _ = try ledger.accept(from: self.address("2001:db8:0:1::\(index)"), at: self.now) }
        for _ in 0..<8 { _ = try ledger.accept(from: self.address("2001:db8:0:2::1"), at: self.now) }
        #expect(throws: ResourceRefusal.self) { try ledger.accept(from: self.address("2001:db8:0:2::1"), at: self.now) }
        for _ in 0..<8 { _ = try ledger.accept(from: self.address("203.0.113.2"), at: self.now) }
        #expect(throws: ResourceRefusal.self) { try ledger.accept(from: self.address("203.0.113.2"), at: self.now) }
    }

    // MARK: Streams

    @Test func `one peer takes no more than its own share of a protocol`() throws {
        var ledger = self.ledger()
        ledger.setLimits(of: "/echo", streams: 3, perPeer: 2)
        let first = try ledger.serve("/echo", to: self.greedy, connection: 1, at: self.now)
        _ = try ledger.serve("/echo", to: self.greedy, connection: 1, at: self.now)
        let share = try self.refusal { () throws(ResourceRefusal) in
            _ = try ledger.serve("/echo", to: self.greedy, connection: 1, at: self.now)
        }
        #expect(share.hasPrefix("/echo has for \(self.greedy) 2 streams"))
        _ = try ledger.serve("/echo", to: self.modest, connection: 2, at: self.now)
        let all = try self.refusal { () throws(ResourceRefusal) in
            _ = try ledger.serve("/echo", to: self.modest, connection: 2, at: self.now)
        }
        #expect(all.hasPrefix("/echo has 3 streams"))
        ledger.giveBack(first)
        _ = try ledger.serve("/echo", to: self.modest, connection: 2, at: self.now)
        #expect(ledger.usage(of: .system).inbound.streams == 3)
    }

    @Test func `a protocol that nobody serves has no room`() throws {
        var ledger = self.ledger()
        #expect(throws: ResourceRefusal.self) {
            try ledger.serve("/none", to: self.greedy, connection: 1, at: self.now)
        }
        #expect(ledger.scopes.isEmpty)
    }

    @Test func `the streams of all protocols count for the peer and its connection`() throws {
        var ledger = self.ledger { $0.peer.inbound.streams = 2 }
        ledger.setLimits(of: "/a", streams: 9, perPeer: 9)
        ledger.setLimits(of: "/b", streams: 9, perPeer: 9)
        _ = try ledger.serve("/a", to: self.greedy, connection: 1, at: self.now)
        _ = try ledger.serve("/b", to: self.greedy, connection: 2, at: self.now)
        let words = try self.refusal { () throws(ResourceRefusal) in
            _ = try ledger.serve("/b", to: self.greedy, connection: 2, at: self.now)
        }
        #expect(words.hasPrefix("\(self.greedy) has 2 streams"))
        #expect(ledger.usage(of: .connection(2)).inbound.streams == 1)
        _ = try ledger.open(to: self.greedy, connection: 2)
        #expect(ledger.usage(of: .peer(self.greedy)).total.streams == 3)
    }

    @Test func `a peer that opens streams too fast waits and another does not`() throws {
        var ledger = self.ledger { $0.newStreams = Rate(perSecond: 2, burst: 3) }
        ledger.setLimits(of: "/echo", streams: 9, perPeer: 9)
        for _ in 0..<3 { ledger.giveBack(try ledger.serve("/echo", to: self.greedy, connection: 1, at: self.now)) }
        let words = try self.refusal { () throws(ResourceRefusal) in
            _ = try ledger.serve("/echo", to: self.greedy, connection: 1, at: self.now)
        }
        #expect(words.contains("more than 3 new streams at once or 2.0 a second") && words.contains("in 0.5 s"))
        _ = try ledger.serve("/echo", to: self.modest, connection: 2, at: self.now)
        _ = try ledger.serve("/echo", to: self.greedy, connection: 1, at: self.now + .milliseconds(500))
    }

    // MARK: Memory

    @Test func `memory counts for the connection, its peer and the host, and is refused by the first that is full`()
        throws
    {
        var ledger = self.ledger {
            $0.connection.total.memory = 4 << 20
            $0.peer.total.memory = 6 << 20
            $0.system.total.memory = 8 << 20
        }
        var (one, two, three) = (try ledger.dial(), try ledger.dial(), try ledger.dial())
        try ledger.authenticate(&one, as: self.greedy, connection: 1)
        try ledger.authenticate(&two, as: self.greedy, connection: 2)
        try ledger.authenticate(&three, as: self.modest, connection: 3)
        try ledger.resize(&one, toBytes: 4 << 20)
        let connection = try self.refusal { () throws(ResourceRefusal) in try ledger.resize(&one, toBytes: 5 << 20) }
        #expect(connection.hasPrefix("connection 1 has \(4 << 20) bytes"))
        let peer = try self.refusal { () throws(ResourceRefusal) in try ledger.resize(&two, toBytes: 3 << 20) }
        #expect(peer.hasPrefix("\(self.greedy) has \(6 << 20) bytes"))
        try ledger.resize(&two, toBytes: 2 << 20)
        let system = try self.refusal { () throws(ResourceRefusal) in try ledger.resize(&three, toBytes: 3 << 20) }
        #expect(system.hasPrefix("this host has \(8 << 20) bytes"))
        try ledger.resize(&one, toBytes: 1 << 20)
        try ledger.resize(&three, toBytes: 3 << 20)
        #expect(ledger.usage(of: .system).total.memory == 6 << 20)
    }

    @Test func `what is optional takes no more than half`() throws {
        var ledger = self.ledger { $0.peer.total.memory = 8 << 20 }
        var claim = try ledger.dial()
        try ledger.authenticate(&claim, as: self.greedy, connection: 1)
        try ledger.resize(&claim, toBytes: 4 << 20, isOptional: true)
        #expect(throws: ResourceRefusal.self) { try ledger.resize(&claim, toBytes: 5 << 20, isOptional: true) }
        try ledger.resize(&claim, toBytes: 8 << 20)
        #expect(ledger.refusals.isEmpty)
    }

    @Test func `a message is reserved before it is read and free after it`() throws {
        var ledger = self.ledger { $0.peer.total.memory = 3 << 20 }
        let message = try ledger.readMessage(ofBytes: 2 << 20, from: self.greedy, connection: 1, .inbound)
        #expect(throws: ResourceRefusal.self) {
            try ledger.readMessage(ofBytes: 2 << 20, from: self.greedy, connection: 2, .inbound)
        }
        ledger.giveBack(message)
        #expect(ledger.scopes.isEmpty)
    }

    @Test func `those who connected to this host leave memory for those whom it dialled`() throws {
        var ledger = self.ledger {
            $0.system.inbound.memory = 2 << 20
            $0.system.total.memory = 3 << 20
        }
        _ = try ledger.readMessage(ofBytes: 2 << 20, from: self.greedy, connection: 1, .inbound)
        #expect(throws: ResourceRefusal.self) {
            try ledger.readMessage(ofBytes: 1, from: self.greedy, connection: 1, .inbound)
        }
        _ = try ledger.readMessage(ofBytes: 1 << 20, from: self.modest, connection: 2, .outbound)
    }

    @Test func `whatever is taken and given back in any order leaves nothing behind`() throws {
        var random = SplitMix(seed: 4)
        var ledger = self.ledger()
        ledger.setLimits(of: "/echo", streams: 20, perPeer: 10)
        var claims: [ResourceLedger.Claim] = []
        for step in 0..<5000 {
            let peer = random.next() % 2 == 0 ? self.greedy : self.modest
            let connection = UInt64(random.next() % 4)
            let claim: ResourceLedger.Claim? =
                switch random.next() % 5 {
                case 0:
                    try? ledger.accept(from: self.address("10.0.0.\(connection)"), at: self.now + .seconds(Int64(step)))
                case 1: try? ledger.dial()
                case 2: try? ledger.serve("/echo", to: peer, connection: connection, at: self.now)
                case 3: try? ledger.open(to: peer, connection: connection)
                default:
                    try? ledger.readMessage(
                        ofBytes: Int(random.next() % 9_000_000),
                        from: peer,
                        connection: 1,
                        .inbound
                    )
                }
            if let claim { claims.append(claim) }
            if claims.count > 40 { ledger.giveBack(claims.remove(at: Int(random.next() % UInt64(claims.count)))) }
        }
        #expect(!ledger.scopes.isEmpty)
        for claim in claims { ledger.giveBack(claim) }
        #expect(ledger.scopes.isEmpty)
    }
}

/// Steele, Lea and Flood's SplitMix64: the same numbers for the same seed, everywhere.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { self.state = seed }

    mutating func next() -> UInt64 {
        self.state &+= 0x9e37_79b9_7f4a_7c15
        var z = self.state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
