import KademliaSimulation
import NIOCore
import P2PWire
import Testing

@testable import KademliaCore

@Suite struct MessageCodecTests {
    private func bytes(_ message: Message) -> [UInt8] {
        Array(message.encoded().readableBytesView)
    }

    private func decoded(_ bytes: [UInt8]) throws(KademliaError) -> Message {
        try Message(bytes: ByteBuffer(bytes: bytes))
    }

    // MARK: Golden bytes

    @Test func `a request is its type and its key`() throws {
        let golden: [UInt8] = [0x08, 0x04, 0x12, 0x03, 0x0a, 0x0b, 0x0c]
        #expect(self.bytes(Message(.findNode, key: [0x0a, 0x0b, 0x0c])) == golden)
        #expect(try self.decoded(golden) == Message(.findNode, key: [0x0a, 0x0b, 0x0c]))
    }

    @Test func `PUT_VALUE is type 0, which protobuf leaves out`() throws {
        let golden: [UInt8] = [0x12, 0x01, 0x61, 0x1a, 0x06, 0x0a, 0x01, 0x61, 0x12, 0x01, 0x76]
        let message = Message(.putValue, key: [0x61], record: Record(key: [0x61], value: [0x76]))
        #expect(self.bytes(message) == golden)
        #expect(try self.decoded(golden) == message)
    }

    @Test func `peers carry binary ids and addresses`() throws {
        let id = try PeerID(bytes: [0x00, 0x02, 0x41, 0x42])
        let peer = PeerInfo(id: id, addresses: [try Multiaddr("/ip4/127.0.0.1/tcp/4801")])
        let encoded: [UInt8] = [0x0a, 4, 0, 2, 0x41, 0x42, 0x12, 8, 0x04, 127, 0, 0, 1, 0x06, 0x12, 0xc1]
        let golden = [0x08, 0x03, 0x12, 0x01, 0x6b, 0x42, 16] + encoded + [0x4a, 16] + encoded
        let message = Message(.getProviders, key: [0x6b], closerPeers: [peer], providerPeers: [peer])
        #expect(self.bytes(message) == golden)
        #expect(try self.decoded(golden) == message)
    }

    @Test(arguments: Message.Kind.allCases) func `round trip of every kind`(kind: Message.Kind) throws {
        let message = Message(
            kind,
            key: [1, 2],
            record: Record(key: [1, 2], value: [3]),
            closerPeers: Sample.peers(0..<20),
            providerPeers: Sample.peers(20..<40)
        )
        #expect(try Message(bytes: message.encoded()) == message)
    }

    // MARK: What others send

    @Test func `fields that we do not know are dropped, not echoed`() throws {
        // py-libp2p's senderRecord (11), the time of a record (5), rust-libp2p's publisher (666) and a peer's
        // connection (3).
        let record: [UInt8] = [0x0a, 1, 0x61, 0x2a, 1, 0x5a, 0xd2, 0x29, 1, 0x00, 0x12, 1, 0x76]
        let peer: [UInt8] = [0x0a, 4, 0, 2, 0x41, 0x42, 0x18, 1]
        let foreign =
            [0x08, 0x01, 0x12, 1, 0x61, 0x50, 7, 0x5a, 2, 0xff, 0xff, 0x1a, UInt8(record.count)] + record
            + [0x42, UInt8(peer.count)] + peer
        let message = try self.decoded(foreign)
        #expect(message.record == Record(key: [0x61], value: [0x76]))
        let ours: [UInt8] = [
            0x08, 1, 0x12, 1, 0x61, 0x1a, 6, 0x0a, 1, 0x61, 0x12, 1, 0x76, 0x42, 6, 0x0a, 4, 0, 2, 0x41, 0x42,
        ]
        #expect(self.bytes(message) == ours)
    }

    @Test func `a peer or an address that cannot be read is left out`() throws {
        let good: [UInt8] = [0x42, 6, 0x0a, 4, 0, 2, 0x41, 0x42]
        let badPeer: [UInt8] = [0x42, 4, 0x0a, 2, 0xff, 0xff]
        let badAddress: [UInt8] = [0x42, 11, 0x0a, 4, 0, 2, 0x41, 0x43, 0x12, 3, 0xff, 0xff, 0xff]
        let message = try self.decoded([0x08, 0x04] + badPeer + good + badAddress)
        #expect(message.closerPeers.map(\.id.bytes) == [[0, 2, 0x41, 0x42], [0, 2, 0x41, 0x43]])
        #expect(message.closerPeers.allSatisfy { $0.addresses.isEmpty })
    }

    @Test func `the peer's own id at the end of an address is taken off, another peer's address is left out`() throws {
        let peer = Sample.peer(1)
        let full = PeerInfo(
            id: peer.id,
            addresses: [
                peer.addresses[0].appending(peer: peer.id), peer.addresses[0].appending(peer: Sample.peerID(2)),
            ]
        )
        let message = try Message(bytes: Message(.findNode, key: [1], closerPeers: [full]).encoded())
        #expect(message.closerPeers == [peer])
    }

    @Test func `an unknown type is refused`() {
        #expect(throws: KademliaError.self) { try self.decoded([0x08, 0x06]) }
    }

    // MARK: Bounds

    @Test func `a message, a key and a value at their bounds are read, one byte more is refused`() throws {
        func message(size: Int) -> [UInt8] {
            // An unknown field of that many bytes in all.
            let header: [UInt8] = [0x08, 0x04, 0x7a]
            let length = UVarint.encoded(UInt64(size - header.count - 3))
            return header + length + Array(repeating: 0, count: size - header.count - length.count)
        }
        #expect(try self.decoded(message(size: Limits.messageSize)).kind == .findNode)
        #expect(throws: KademliaError.self) { try self.decoded(message(size: Limits.messageSize + 1)) }

        let key = Array(repeating: UInt8(7), count: Limits.keySize)
        #expect(try self.decoded(self.bytes(Message(.findNode, key: key))).key == key)
        #expect(throws: KademliaError.self) { try self.decoded(self.bytes(Message(.findNode, key: key + [7]))) }

        let value = Array(repeating: UInt8(7), count: Limits.valueSize)
        let full = Message(.putValue, key: key, record: Record(key: key, value: value))
        #expect(try self.decoded(self.bytes(full)) == full)
        let over = Message(.putValue, key: key, record: Record(key: key, value: value + [7]))
        #expect(throws: KademliaError.self) { try self.decoded(self.bytes(over)) }
    }

    @Test func `peers and addresses beyond the bounds are cut off`() throws {
        let peers = Sample.peers(0..<(Limits.peersPerMessage + 1))
        let many = Message(.findNode, key: [1], closerPeers: peers)
        let read = try Message(bytes: many.encoded(limit: Limits.messageSize))
        #expect(read.closerPeers == Array(peers.prefix(Limits.peersPerMessage)))

        // Sixteen and one addresses, in a peer written by hand.
        let address: [UInt8] = [0x12, 8, 0x04, 127, 0, 0, 1, 0x06, 0x12, 0xc1]
        let addresses = Array(repeatElement(address, count: Limits.addressesPerPeer + 1).joined())
        let peer = [0x0a, 4, 0, 2, 0x41, 0x42] + addresses
        let message = try self.decoded([0x08, 0x04, 0x42] + UVarint.encoded(UInt64(peer.count)) + peer)
        #expect(message.closerPeers[0].addresses.count == Limits.addressesPerPeer)
    }

    @Test func `an answer fits 16 KiB: it loses addresses first, peers last`() throws {
        let long = try Multiaddr("/dns4/" + String(repeating: "a", count: 200) + "/tcp/1")
        let crowded = (0..<20).map { PeerInfo(id: Sample.peerID($0), addresses: Array(repeating: long, count: 16)) }
        let message = Message(.getProviders, key: [1], closerPeers: crowded, providerPeers: crowded)
        let encoded = message.encoded()
        #expect(encoded.readableBytes <= Limits.answerSize)
        let read = try Message(bytes: encoded)
        #expect(read.closerPeers.map(\.id) == crowded.map(\.id))
        #expect(read.closerPeers[0].addresses.count == 1)

        let tight = message.encoded(limit: 500)
        #expect(tight.readableBytes <= 500)
        #expect(try Message(bytes: tight).providerPeers.count == 11)
    }

    @Test func `the largest record still leaves room for 20 peers`() throws {
        let record = Record(
            key: Array(repeating: 1, count: Limits.keySize),
            value: Array(repeating: 1, count: Limits.valueSize)
        )
        let message = Message(.getValue, key: record.key, record: record, closerPeers: Sample.peers(0..<20))
        #expect(message.encoded().readableBytes <= Limits.answerSize)
        #expect(try Message(bytes: message.encoded()) == message)
    }

    // MARK: Properties

    @Test func `random bytes never crash it`() {
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...120, using: &generator)
            let bytes = (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
            _ = try? self.decoded(bytes)
        }
    }

    @Test func `mutated messages never crash it, and what is read can be written and read again`() throws {
        var generator = SeededGenerator(seed: 2)
        let message = Message(
            .getValue,
            key: [1, 2],
            record: Record(key: [1, 2], value: [3]),
            closerPeers: Sample.peers(0..<3),
            providerPeers: Sample.peers(3..<5)
        )
        let original = self.bytes(message)
        for _ in 0..<20_000 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let index = bytes.indices.randomElement(using: &generator) ?? 0
                bytes[index] = UInt8.random(in: .min ... .max, using: &generator)
            }
            guard let read = try? self.decoded(bytes) else { continue }
            #expect(try Message(bytes: read.encoded()) == read)
        }
    }
}
