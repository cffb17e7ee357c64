import NIOCore
import P2PWire
import Testing

@testable import KademliaCore

@Suite struct KBucketTests {
    private func member(_ number: Int, at seconds: Int64 = 0) -> KBucket.Member {
        let peer = Sample.peer(number)
        return .init(peer, key: KademliaKey(peer.id), lastAnswered: Sample.start + .seconds(seconds))
    }

    private func fullBucket() -> KBucket {
        var bucket = KBucket(lastRefreshed: Sample.start)
        for number in 0..<3 { #expect(bucket.admit(self.member(number), capacity: 3) == .added) }
        return bucket
    }

    @Test func `live members are not flushed by newcomers`() {
        var bucket = self.fullBucket()
        for number in 3..<100 { #expect(bucket.admit(self.member(number), capacity: 3) == .waiting) }
        #expect(bucket.members.map(\.peer.id) == (0..<3).map(Sample.peerID))
        #expect(bucket.replacements.count == Limits.replacementsPerBucket)
    }

    @Test func `a member that failed gives its place to a newcomer`() {
        var bucket = self.fullBucket()
        #expect(bucket.failed(Sample.peerID(1)) == .stays)
        #expect(bucket.admit(self.member(7), capacity: 3) == .replaced(Sample.peerID(1)))
        #expect(bucket.members.map(\.peer.id) == [0, 7, 2].map(Sample.peerID))
    }

    @Test func `the latest waiting newcomer takes the place of a member that fails`() {
        var bucket = self.fullBucket()
        _ = bucket.admit(self.member(8), capacity: 3)
        _ = bucket.admit(self.member(9), capacity: 3)
        #expect(bucket.failed(Sample.peerID(0)) == .left)
        #expect(bucket.members.map(\.peer.id) == [9, 1, 2].map(Sample.peerID))
        #expect(bucket.replacements.map(\.peer.id) == [Sample.peerID(8)])
    }

    @Test func `a lone member survives one failure and an answer clears it`() {
        var bucket = KBucket(lastRefreshed: Sample.start)
        _ = bucket.admit(self.member(0), capacity: 3)
        for _ in 1..<Limits.failuresBeforeRemoval { #expect(bucket.failed(Sample.peerID(0)) == .stays) }
        #expect(bucket.admit(self.member(0, at: 5), capacity: 3) == .updated)
        #expect(bucket.members[0].failures == 0)
        #expect(bucket.members[0].lastAnswered == Sample.start + .seconds(5))
        for _ in 1..<Limits.failuresBeforeRemoval { #expect(bucket.failed(Sample.peerID(0)) == .stays) }
        #expect(bucket.failed(Sample.peerID(0)) == .left)
        #expect(bucket.members.isEmpty)
    }

    @Test func `an update without addresses keeps the known ones`() {
        var bucket = KBucket(lastRefreshed: Sample.start)
        _ = bucket.admit(self.member(0), capacity: 3)
        let bare = PeerInfo(id: Sample.peerID(0), addresses: [])
        _ = bucket.admit(.init(bare, key: KademliaKey(bare.id), lastAnswered: Sample.start), capacity: 3)
        #expect(bucket.members[0].peer == Sample.peer(0))
    }

    @Test func `a peer that stops serving leaves at once`() {
        var bucket = self.fullBucket()
        _ = bucket.admit(self.member(8), capacity: 3)
        bucket.remove(Sample.peerID(2))
        #expect(bucket.members.map(\.peer.id) == [0, 1, 8].map(Sample.peerID))
        bucket.remove(Sample.peerID(0))
        #expect(bucket.members.map(\.peer.id) == [1, 8].map(Sample.peerID))
    }
}
