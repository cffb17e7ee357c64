import P2PWire
import ShardProtocol
import SwarmCore
import Testing

@Suite struct HolderSearchTests {
    private let peers: [PeerID]

    init() throws {
        self.peers = try Samples.peers(6)
    }

    private func found(_ records: [NodeRecord]) -> [(peer: PeerID, record: NodeRecord)] {
        zip(self.peers, records).map { ($0, $1) }
    }

    @Test func `two holders of every block are enough, and one is not`() throws {
        let search = HolderSearch(blockCount: 8)
        let records = [try Samples.record((0, 8), of: 8), try Samples.record((0, 5), of: 8)]
        #expect(!search.isEnough(self.found(records)))
        #expect(search.isEnough(self.found(records + [try Samples.record((4, 8), of: 8)])))
    }

    @Test func `whoever failed, is not online, or holds other weights does not count`() throws {
        let whole = try Samples.record((0, 8), of: 8)
        var joining = whole
        joining.state = .joining
        let other = try Samples.record((0, 8), of: 8, fingerprint: 2)
        let search = HolderSearch(blockCount: 8)
        #expect(!search.isEnough(self.found([whole, joining, other])))
        #expect(search.isEnough(self.found([whole, joining, other, whole])))
        #expect(!HolderSearch(blockCount: 8, discounted: [self.peers[0]]).isEnough(self.found([whole, whole])))
        #expect(HolderSearch(blockCount: 8, matching: whole).isEnough(self.found([whole, whole])))
        #expect(!HolderSearch(blockCount: 8, matching: other).isEnough(self.found([whole, whole])))
    }

    @Test func `a search goes on while a block that is wanted has no holder at all`() throws {
        let records = self.found([try Samples.record((0, 5), of: 8), try Samples.record((4, 7), of: 8)])
        let search = HolderSearch(blockCount: 8)
        #expect(!search.covers(records))
        #expect(search.covers(records, try BlockRange(1, 7)))
        #expect(!search.covers(records, try BlockRange(6, 8)))
        #expect(!HolderSearch(blockCount: 8, discounted: [self.peers[1]]).covers(records, try BlockRange(4, 6)))
        #expect(search.covers(records + [(self.peers[2], try Samples.record((7, 8), of: 8))]))
    }

    @Test func `a range beyond the model counts where the model is`() throws {
        let record = try Samples.record((4, 24), of: 24)
        let first = try Samples.record((0, 4), of: 8)
        #expect(HolderSearch(blockCount: 8).isEnough(self.found([record, record, first, first])))
    }
}
