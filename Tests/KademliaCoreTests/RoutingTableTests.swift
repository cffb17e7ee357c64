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
        #expect(!table.hasRoom(for: PeerInfo(id: self.owner, addresses: [])))
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
        #expect(!table.hasRoom(for: near[3]))
        table.failed(near[0].id)
        #expect(table.hasRoom(for: near[3]))
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

    // MARK: Networks

    /// Peers of one bucket, at public addresses of networks with these numbers.
    private func peers(ofNetworks networks: [Int], sharing bits: Int) throws -> [PeerInfo] {
        try zip(Sample.peers(networks.count, sharing: bits, with: self.owner), networks).map { peer, network in
            PeerInfo(id: peer.id, addresses: [try Multiaddr("/ip4/93.\(network).0.1/tcp/1")])
        }
    }

    @Test func `takes two of one network into a bucket and three into the table`() throws {
        var table = self.table()
        let (far, near) = (
            try self.peers(ofNetworks: [1, 1, 1, 2], sharing: 0), try self.peers(ofNetworks: [1, 1, 2], sharing: 1)
        )
        let ofFar = far.map { table.admit($0, now: Sample.start) }
        let ofNear = near.map { table.admit($0, now: Sample.start) }
        #expect(ofFar == [.added, .added, .crowded, .added])
        #expect(ofNear == [.added, .crowded, .added])
        #expect(!table.hasRoom(for: far[2]) && !table.hasRoom(for: near[1]))
        // A member is welcome to stay.
        #expect(table.admit(far[0], now: Sample.start) == .updated)
        // Where one has left there is room for another.
        table.remove(far[0].id)
        #expect(table.admit(far[2], now: Sample.start) == .added)
    }

    @Test func `counts where a peer has been met, whatever it says`() throws {
        var table = self.table()
        let remote = [try Multiaddr("/ip4/93.1.0.1/tcp/50000")]
        let peers = Sample.peers(3, sharing: 0, with: self.owner)
        #expect(table.hasRoom(for: peers[2], seenAt: remote))
        let admissions = peers.map { table.admit($0, seenAt: remote, now: Sample.start) }
        #expect(admissions == [.added, .added, .crowded])
        #expect(!table.hasRoom(for: peers[2], seenAt: remote))
    }

    @Test func `a member that moves into a crowded network leaves`() throws {
        let peers = try self.peers(ofNetworks: [1, 1, 2], sharing: 0)
        var table = self.table(of: peers)
        let moved = PeerInfo(id: peers[2].id, addresses: peers[0].addresses)
        #expect(table.admit(moved, now: Sample.start) == .crowded)
        #expect(table.members.map(\.peer) == Array(peers[..<2]))
    }

    @Test func `who waits for a place does not get it in a crowded network`() throws {
        var table = self.table(bucketSize: 3)
        let peers = try self.peers(ofNetworks: [1, 2, 3, 4, 1], sharing: 0)
        for peer in peers { table.admit(peer, now: Sample.start) }
        // Meanwhile two more of network 1 have come elsewhere.
        for peer in try self.peers(ofNetworks: [1, 1], sharing: 1) { table.admit(peer, now: Sample.start) }
        table.failed(peers[1].id)
        #expect(table.buckets[0].members.map(\.peer.id) == [peers[0].id, peers[3].id, peers[2].id])
    }

    @Test func `private networks, and a table that is told so, hold any number`() throws {
        let lan = try Sample.peers(10, sharing: 0, with: self.owner).map {
            PeerInfo(id: $0.id, addresses: [try Multiaddr("/ip4/192.168.1.7/tcp/1")])
        }
        #expect(self.table(of: lan).count == 10)
        var open = RoutingTable(owner: self.ownerKey, diversity: nil, now: Sample.start)
        for peer in try self.peers(ofNetworks: Array(repeating: 1, count: 10), sharing: 0) {
            #expect(open.admit(peer, now: Sample.start) == .added)
        }
    }
}
