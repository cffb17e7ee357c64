import KademliaSimulation
import NIOCore
import P2PWire
import Testing

@testable import KademliaCore

@Suite struct ProviderStoreTests {
    private let key: [UInt8] = [0x12, 0x20, 1]
    private let expiry = Sample.start + .minutes(30)

    private func providers(in store: ProviderStore, of key: [UInt8], now: NIODeadline = Sample.start) -> [PeerInfo] {
        var generator = SeededGenerator(seed: 1)
        return store.providers(of: key, now: now, using: &generator)
    }

    @Test func `a provider is named until its record runs out`() throws {
        var store = ProviderStore(owner: Sample.peerID(0))
        try store.add(Sample.peer(1), for: self.key, expiry: self.expiry)
        #expect(self.providers(in: store, of: self.key) == [Sample.peer(1)])
        #expect(self.providers(in: store, of: self.key, now: self.expiry).isEmpty)
        store.expire(now: self.expiry)
        #expect(store.count == 0)
    }

    @Test func `providing again renews the record and its addresses`() throws {
        var store = ProviderStore(owner: Sample.peerID(0))
        try store.add(Sample.peer(1), for: self.key, expiry: self.expiry)
        try store.add(Sample.peer(1, addressCount: 2), for: self.key, expiry: self.expiry + .minutes(10))
        store.expire(now: self.expiry)
        #expect(self.providers(in: store, of: self.key, now: self.expiry) == [Sample.peer(1, addressCount: 2)])
    }

    @Test func `of many providers a random 20 are named, and different ones each time`() throws {
        var store = ProviderStore(owner: Sample.peerID(0))
        for peer in Sample.peers(1..<101) { try store.add(peer, for: self.key, expiry: self.expiry) }
        var generator = SeededGenerator(seed: 3)
        let first = store.providers(of: self.key, now: Sample.start, using: &generator)
        let second = store.providers(of: self.key, now: Sample.start, using: &generator)
        #expect(first.count == 20)
        #expect(Set(first) != Set(second))
    }

    @Test func `a withdrawn provider is forgotten`() throws {
        var store = ProviderStore(owner: Sample.peerID(0))
        try store.add(Sample.peer(1), for: self.key, expiry: self.expiry)
        store.remove(Sample.peerID(1), for: self.key)
        store.remove(Sample.peerID(1), for: self.key)
        #expect(store.count == 0)
    }

    @Test func `a key has at most so many providers`() throws {
        var store = ProviderStore(owner: Sample.peerID(0))
        for number in 1...Limits.providersPerKey {
            try store.add(Sample.peer(number), for: self.key, expiry: self.expiry)
        }
        #expect(throws: KademliaError.self) { try store.add(Sample.peer(9_999), for: self.key, expiry: self.expiry) }
        // One that is there can still renew its record.
        try store.add(Sample.peer(1), for: self.key, expiry: self.expiry)
    }

    @Test func `a peer is listed under at most so many keys, until some run out`() throws {
        var store = ProviderStore(owner: Sample.peerID(0))
        for number in 0..<Limits.keysPerProvider {
            try store.add(Sample.peer(1), for: [UInt8(number & 0xff), UInt8(number >> 8)], expiry: self.expiry)
        }
        #expect(throws: KademliaError.self) { try store.add(Sample.peer(1), for: self.key, expiry: self.expiry) }
        try store.add(Sample.peer(2), for: self.key, expiry: self.expiry)
        store.expire(now: self.expiry)
        try store.add(Sample.peer(1), for: self.key, expiry: self.expiry + .minutes(1))
    }

    @Test func `a flood of keys stays within the bound and keeps the nearest`() throws {
        var store = ProviderStore(owner: Sample.peerID(0))
        for number in 0..<(Limits.providerKeys + 500) {
            let key = [UInt8(number & 0xff), UInt8(number >> 8)]
            try? store.add(Sample.peer(1 + number % 50), for: key, expiry: self.expiry)
        }
        #expect(store.count == Limits.providerKeys)
    }
}
