import P2PWire
import Testing

@testable import KademliaCore

@Suite struct NearestStoreTests {
    private let owner = KademliaKey(Sample.peerID(0))

    /// Keys in the order of their distance to the owner.
    private func keys(_ count: Int) -> [[UInt8]] {
        (0..<count).map { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
            .sorted {
                KademliaKey(hashing: $0).distance(to: self.owner) < KademliaKey(hashing: $1).distance(to: self.owner)
            }
    }

    @Test func `once full it keeps the nearest keys`() {
        let keys = self.keys(50)
        var store = NearestStore<Int>(owner: self.owner, capacity: 10)
        for (index, key) in keys.enumerated().shuffled() { _ = store.set(index, for: key) }
        #expect(Set(store.keys) == Set(keys.prefix(10)))
        #expect(store.count == 10)
    }

    @Test func `says what it refused and what had to make room`() {
        let keys = self.keys(3)
        var store = NearestStore<Int>(owner: self.owner, capacity: 1)
        guard case .stored(evicted: nil) = store.set(1, for: keys[1]) else { Issue.record("not stored"); return }
        guard case .full = store.set(2, for: keys[2]) else { Issue.record("a farther key was stored"); return }
        guard case .stored(evicted: 1) = store.set(0, for: keys[0]) else { Issue.record("no eviction"); return }
        #expect(store[keys[0]] == 0)
        #expect(store[keys[1]] == nil)
    }

    @Test func `a stored key can be renewed although it is full`() {
        let keys = self.keys(2)
        var store = NearestStore<Int>(owner: self.owner, capacity: 1)
        _ = store.set(1, for: keys[0])
        _ = store.set(2, for: keys[0])
        #expect(store[keys[0]] == 2)
        store.remove(keys[0])
        #expect(store.count == 0)
    }
}
