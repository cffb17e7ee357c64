import NIOCore
import Testing

@testable import ShardProtocol

@Suite struct AnnouncementTests {
    private func model() throws -> ModelKey { try ModelKey(bytes: Array(0..<16)) }

    @Test func `a key is the multihash of its text`() throws {
        let key = Announcement.key(model: try self.model(), segment: 1)
        #expect(ByteBuffer(bytes: key) == (try Golden.bytes("announcement-key")))
        #expect(key.count == 34)
    }

    @Test(arguments: [(0, 1, [0]), (0, 8, [0]), (0, 9, [0, 1]), (7, 9, [0, 1]), (8, 16, [1]), (5, 24, [0, 1, 2])])
    func `a range is announced under the segments it touches`(lower: Int, upper: Int, segments: [Int]) throws {
        let model = try self.model()
        let keys = Announcement.keys(model: model, range: try BlockRange(lower, upper))
        #expect(keys == segments.map { Announcement.key(model: model, segment: $0) })
    }

    @Test func `a model's segments cover all its blocks`() throws {
        let model = try self.model()
        for count in [1, 8, 9, 24, 25] {
            #expect(
                Announcement.keys(model: model, blockCount: count)
                    == Announcement.keys(model: model, range: try BlockRange(0, count))
            )
        }
        #expect(Announcement.keys(model: model, blockCount: 0).isEmpty)
    }
}
