import KademliaSimulation
import NIOCore
import P2PWire
import Testing

@testable import KademliaCore

@Suite struct RoutingTableTests {
    private let owner = Sample.peerID(0)
    private var ownerKey: KademliaKey { KademliaKey(self.owner) }

    private func table(of peers: [PeerInfo] = [], bucketSize: Int = Limits.bucketSize) -> RoutingTable {
        var table = RoutingTable(owner: self.ownerKey, bucketSize: bucketSize, now: Sample.start)
        for peer in peers { table.admit(peer, now: Sample.start) }
        return table
    }

    @Test func `finds exactly the closest members, whatever the target`() {
        let peers = Sample.peers(1..<400)
        let table = self.table(of: peers, bucketSize: 1_000)
        for number in 0..<60 {
            let target = number == 0 ? self.ownerKey : KademliaKey(Sample.peerID(number * 17))
            let sorted = Sample.sorted(peers, by: target)
            for count in [1, 3, 20, 500] {
                #expect(table.closest(to: target, count: count) == Array(sorted.prefix(count)))
            }
        }
    }

    @Test func `leaves out whom the caller does not want and who failed last`() {
        let peers = Sample.sorted(Sample.peers(1..<6), by: self.ownerKey)
        var table = self.table(of: peers)
        table.failed(peers[1].id)
        #expect(table.closest(to: self.ownerKey) { $0 != peers[0].id } == Array(peers[2...]))
        table.admit(peers[1], now: Sample.start)
        #expect(table.closest(to: self.ownerKey) == peers)
    }

    @Test func `never admits its owner`() {
        var table = self.table()
        #expect(table.admit(PeerInfo(id: self.owner, addresses: []), now: Sample.start) == nil)
        #expect(!table.hasRoom(for: self.owner))
        #expect(table.count == 0)
    }

    @Test func `a flood of peers stays within k of each bucket`() {
        let table = self.table(of: Sample.peers(1..<3_000))
        #expect(table.buckets.allSatisfy { $0.members.count <= Limits.bucketSize })
        #expect(table.buckets.first?.members.count == Limits.bucketSize)
        #expect(table.count < Limits.bucketSize * 14)
    }

    @Test func `keeps a bounded number of addresses`() {
        let table = self.table(of: [Sample.peer(1, addressCount: Limits.addressesPerPeer + 5)])
        #expect(table.members[0].peer.addresses.count == Limits.addressesPerPeer)
    }

    @Test func `has room until a bucket is full of live members`() {
        let near = Sample.peers(4, sharing: 0, with: self.owner)
        var table = self.table(of: Array(near.prefix(3)), bucketSize: 3)
        #expect(!table.hasRoom(for: near[3].id))
        table.failed(near[0].id)
        #expect(table.hasRoom(for: near[3].id))
        #expect(table.contains(near[0].id))
        table.remove(near[0].id)
        #expect(!table.contains(near[0].id))
    }

    @Test func `names the members that have been silent`() {
        var table = self.table(of: Sample.peers(1..<4))
        table.admit(Sample.peer(2), now: Sample.start + .minutes(9))
        #expect(table.membersSilent(since: Sample.start).isEmpty)
        let silent = table.membersSilent(since: Sample.start + .minutes(5))
        #expect(Set(silent.map(\.id)) == [Sample.peerID(1), Sample.peerID(3)])
        table.failed(Sample.peerID(2))
        #expect(table.membersSilent(since: Sample.start).map(\.id) == [Sample.peerID(2)])
    }

    @Test func `a lookup spares its bucket the refresh`() {
        var table = self.table(of: Sample.peers(3, sharing: 2, with: self.owner))
        let later = Sample.start + .minutes(1)
        #expect(table.bucketsUntouched(since: later) == [0, 1, 2])
        table.lookedUp(KademliaKey(Sample.peers(1, sharing: 1, with: self.owner)[0].id), now: later)
        #expect(table.bucketsUntouched(since: later) == [0, 2])
    }

    @Test func `draws refresh keys that fall into the wanted buckets`() {
        var generator = SeededGenerator(seed: 9)
        let keys = self.table().refreshKeys(for: [0, 3, 7], using: &generator)
        let buckets = keys.map { KademliaKey(hashing: $0).commonPrefixLength(with: self.ownerKey) }
        #expect(buckets.sorted() == [0, 3, 7])
    }

    @Test func `gives up on buckets too deep to hit by chance`() {
        var generator = SeededGenerator(seed: 9)
        #expect(self.table().refreshKeys(for: [60], attempts: 100, using: &generator).isEmpty)
    }
}
