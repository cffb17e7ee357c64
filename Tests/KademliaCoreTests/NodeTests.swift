import KademliaSimulation
import NIOCore
import P2PWire
import Testing

@testable import KademliaCore

@Suite struct NodeTests {
    private let asker = Sample.peerID(500)
    private let key: [UInt8] = [0x12, 0x20, 7]

    private func node(members: Range<Int> = 1..<31) -> Node {
        var node = Node(id: Sample.peerID(0), addresses: Sample.peer(0).addresses, now: Sample.start)
        for peer in Sample.peers(members) { node.table.admit(peer, now: Sample.start) }
        return node
    }

    private func reply(
        _ node: inout Node,
        _ request: Message,
        from sender: PeerID? = nil,
        target: PeerInfo? = nil,
        at now: NIODeadline = Sample.start
    ) -> Node.Reply {
        var generator = SeededGenerator(seed: 4)
        return node.received(request, from: sender ?? self.asker, target: target, now: now, using: &generator)
    }

    private func code(_ reply: Node.Reply) -> KademliaError.Code? {
        if case .reset(let error) = reply { error.code } else { nil }
    }

    // MARK: FIND_NODE

    @Test func `names the k closest peers, never the asker`() {
        var node = self.node()
        let asker = Sample.peerID(5)
        let expected = node.table.closest(to: KademliaKey(hashing: self.key)) { $0 != asker }
        let reply = self.reply(&node, Message(.findNode, key: self.key), from: asker)
        #expect(reply == .answer(Message(.findNode, key: self.key, closerPeers: expected)))
        #expect(expected.count == Limits.bucketSize)
    }

    @Test func `asked for itself it answers with itself and its addresses`() {
        var node = self.node()
        guard case .answer(let answer) = self.reply(&node, Message(.findNode, key: node.id.bytes)) else {
            Issue.record("no answer")
            return
        }
        #expect(answer.closerPeers.first == Sample.peer(0))
        #expect(answer.closerPeers.count == Limits.bucketSize)
    }

    @Test func `names the peer that is asked for, known from elsewhere, once`() {
        var node = self.node()
        let client = Sample.peer(77)
        guard case .answer(let answer) = self.reply(&node, Message(.findNode, key: client.id.bytes), target: client),
            case .answer(let member) = self.reply(
                &node,
                Message(.findNode, key: Sample.peerID(3).bytes),
                target: Sample.peer(3)
            )
        else {
            Issue.record("no answer")
            return
        }
        #expect(answer.closerPeers.first == client)
        #expect(member.closerPeers.filter { $0.id == Sample.peerID(3) }.count == 1)
    }

    @Test func `a request without a key is refused`() {
        var node = self.node()
        for kind in [Message.Kind.findNode, .getValue, .getProviders, .addProvider, .putValue] {
            #expect(self.code(self.reply(&node, Message(kind))) != nil)
        }
    }

    // MARK: Providers

    @Test func `takes a provider at its own word only`() {
        var node = self.node()
        let provider = Sample.peer(500)
        let request = Message(.addProvider, key: self.key, providerPeers: [Sample.peer(9), provider])
        #expect(self.reply(&node, request) == .silence)
        guard case .answer(let answer) = self.reply(&node, Message(.getProviders, key: self.key)) else {
            Issue.record("no answer")
            return
        }
        #expect(answer.providerPeers == [provider])
        let foreign = Message(.addProvider, key: self.key, providerPeers: [Sample.peer(9)])
        #expect(self.code(self.reply(&node, foreign)) == .malformedMessage)
        let bare = Message(.addProvider, key: self.key, providerPeers: [PeerInfo(id: self.asker, addresses: [])])
        #expect(self.code(self.reply(&node, bare)) == .malformedMessage)
    }

    @Test func `provider records run out after the configured time`() {
        var node = self.node()
        _ = self.reply(&node, Message(.addProvider, key: self.key, providerPeers: [Sample.peer(500)]))
        let later = Sample.start + .minutes(30)
        guard case .answer(let answer) = self.reply(&node, Message(.getProviders, key: self.key), at: later) else {
            Issue.record("no answer")
            return
        }
        #expect(answer.providerPeers.isEmpty)
        #expect(!answer.closerPeers.isEmpty)
        node.expire(now: later)
        #expect(node.providers.count == 0)
    }

    @Test func `the key of a provider record has at most 80 bytes`() {
        var node = self.node()
        let longest = Array(repeating: UInt8(1), count: Limits.providerKeySize)
        let fits = Message(.addProvider, key: longest, providerPeers: [Sample.peer(500)])
        #expect(self.reply(&node, fits) == .silence)
        let over = Message(.addProvider, key: longest + [1], providerPeers: [Sample.peer(500)])
        #expect(self.code(self.reply(&node, over)) == .tooLarge)
        #expect(self.code(self.reply(&node, Message(.getProviders, key: longest + [1]))) == .tooLarge)
    }

    // MARK: Values

    private func record(_ sequence: UInt64) throws -> Record {
        let identity = Sample.identity(1)
        let name = try SignedValue.Name(peer: identity.peerID, name: "a")
        let value = SignedValue(name: name, sequence: sequence, value: [1])
        return Record(key: name.recordKey, value: try value.sealed(by: identity))
    }

    @Test func `stores a value, echoes it anew and gives it back`() throws {
        var node = self.node()
        let record = try self.record(1)
        let put = Message(.putValue, key: record.key, record: record, closerPeers: Sample.peers(0..<2))
        #expect(self.reply(&node, put) == .answer(Message(.putValue, key: record.key, record: record)))
        guard case .answer(let answer) = self.reply(&node, Message(.getValue, key: record.key)) else {
            Issue.record("no answer")
            return
        }
        #expect(answer.record == record)
        #expect(answer.closerPeers.count == Limits.bucketSize)
    }

    @Test func `refuses a value under another key, of another namespace, or an older one`() throws {
        var node = self.node()
        let (old, new) = (try self.record(1), try self.record(2))
        #expect(self.code(self.reply(&node, Message(.putValue, key: [1], record: new))) == .malformedMessage)
        #expect(self.code(self.reply(&node, Message(.putValue, key: new.key))) == .malformedMessage)
        let alien = Record(key: Array("/x/y".utf8), value: [1])
        #expect(self.code(self.reply(&node, Message(.putValue, key: alien.key, record: alien))) == .unknownNamespace)
        _ = self.reply(&node, Message(.putValue, key: new.key, record: new))
        #expect(self.code(self.reply(&node, Message(.putValue, key: old.key, record: old))) == .staleRecord)
    }

    @Test func `answers the old PING`() {
        var node = self.node()
        #expect(self.reply(&node, Message(.ping)) == .answer(Message(.ping)))
    }

    @Test func `a peer that asks too often is refused for a while, and another is not`() {
        var node = self.node()
        for _ in 0..<Int(Limits.requestAllowance.burst) { _ = self.reply(&node, Message(.ping)) }
        #expect(self.code(self.reply(&node, Message(.ping))) == .tooManyRequests)
        #expect(self.reply(&node, Message(.ping), from: Sample.peerID(501)) == .answer(Message(.ping)))
        #expect(self.reply(&node, Message(.ping), at: Sample.start + .seconds(1)) == .answer(Message(.ping)))
        node.expire(now: Sample.start + .hours(1))
        #expect(node.limiter.count == 0)
    }

    @Test func `of 300 peers that collude for one key 256 are kept, and a reader gets a random 20 of them`() {
        var node = self.node()
        for provider in Sample.peers(1_000..<1_300) {
            let request = Message(.addProvider, key: self.key, providerPeers: [provider])
            _ = self.reply(&node, request, from: provider.id)
        }
        var generator = SeededGenerator(seed: 1)
        let kept = node.providers.providers(of: self.key, count: .max, now: Sample.start, using: &generator)
        #expect(kept.count == Limits.providersPerKey)
        var named: Set<PeerID> = []
        for _ in 0..<200 {
            let request = Message(.getProviders, key: self.key)
            guard
                case .answer(let answer) = node.received(
                    request,
                    from: self.asker,
                    now: Sample.start,
                    using: &generator
                )
            else { continue }
            #expect(answer.providerPeers.count == 20)
            named.formUnion(answer.providerPeers.map(\.id))
        }
        #expect(named.count == Limits.providersPerKey)
    }

    // MARK: Properties

    @Test func `random requests never crash it, and its answers stay in bounds`() {
        var node = self.node()
        var generator = SeededGenerator(seed: 6)
        for _ in 0..<3_000 {
            let kind = Message.Kind.allCases.randomElement(using: &generator) ?? .ping
            let size = Int.random(in: 0...Limits.keySize, using: &generator)
            let key = (0..<size).map { _ in UInt8.random(in: 0...3, using: &generator) }
            let sender = Sample.peer(Int.random(in: 0..<40, using: &generator), addressCount: 20)
            let request = Message(
                kind,
                key: key,
                record: Record(key: key, value: key),
                closerPeers: [sender],
                providerPeers: [sender]
            )
            guard case .answer(let answer) = self.reply(&node, request, from: sender.id) else { continue }
            #expect(answer.encoded().readableBytes <= Limits.answerSize)
            #expect(answer.closerPeers.count <= Limits.bucketSize)
            #expect(answer.providerPeers.count <= Limits.bucketSize)
        }
        #expect(node.providers.count <= Limits.providerKeys)
        #expect(node.records.count == 0)
    }
}
