import P2PWire
import ShardProtocol
import Testing

@testable import BlockServer

@Suite struct NeighbourhoodTests {
    private let now = UnixTime(seconds: 1_767_225_600)

    private func record(_ seed: UInt8, sequence: UInt64 = 1, seconds: UInt64 = 600) throws -> SignedNodeRecord {
        let record = NodeRecord(
            modelName: "tiny",
            modelKey: try ModelKey(bytes: [UInt8](repeating: 0, count: 16)),
            fingerprint: [UInt8](repeating: 0, count: 32),
            range: try BlockRange(0, 1),
            blockCount: 4,
            weightFormat: "f16",
            numerics: 1,
            state: .online,
            version: "test",
            sequence: sequence,
            expiry: self.now.advanced(bySeconds: seconds)
        )
        return SignedNodeRecord(record, by: try Identity(seed: [UInt8](repeating: seed, count: 32)))
    }

    @Test func `keeps the newest record of each peer but its own`() throws {
        var neighbourhood = Neighbourhood()
        let own = try self.record(9)
        neighbourhood.heard([try self.record(1), own], except: own.peer, now: self.now)
        neighbourhood.heard([try self.record(1, sequence: 2)], except: own.peer, now: self.now)
        #expect(neighbourhood.fresh(at: self.now).map(\.record.sequence) == [2])
        #expect(neighbourhood.fresh(at: self.now.advanced(bySeconds: 2000)).isEmpty)
    }

    @Test func `keeps as many records as its bound, those that hold longest`() throws {
        var neighbourhood = Neighbourhood()
        let records = try (0...UInt8(Limits.knownRecords)).map { try self.record($0, seconds: 600 + UInt64($0)) }
        neighbourhood.heard(
            records,
            except: try Identity(seed: [UInt8](repeating: 200, count: 32)).peerID,
            now: self.now
        )
        #expect(neighbourhood.fresh(at: self.now).count == Limits.knownRecords)
        #expect(!neighbourhood.fresh(at: self.now).contains(records[0]))
    }

    @Test func `lists the nearest neighbours up to its bound`() throws {
        var neighbourhood = Neighbourhood()
        let pings = try (0...UInt8(Limits.pingedNeighbours)).map { seed in
            (peer: try self.record(seed).peer, roundTrip: Duration.milliseconds(Int(seed) + 1))
        }
        neighbourhood.measured(pings.reversed())
        #expect(neighbourhood.pings.count == Limits.pingedNeighbours)
        #expect(neighbourhood.pings[pings[0].peer] == 1)
        #expect(neighbourhood.pings[pings[Limits.pingedNeighbours].peer] == nil)
    }
}
