import NIOCore
import P2PCore
import P2PWire
import Testing

@testable import ShardProtocol

@Suite struct NodeRecordTests {
    /// 2026-01-01 in UTC.
    static let now = UnixTime(seconds: 1_767_225_600)

    static func record(sequence: UInt64 = 7, expiry: UnixTime? = nil) throws -> NodeRecord {
        let neighbour = try Identity(seed: [UInt8](repeating: 2, count: 32)).peerID
        return NodeRecord(
            modelName: "demo",
            modelKey: try ModelKey(bytes: Array(0..<16)),
            fingerprint: [UInt8](repeating: 0xf1, count: 32),
            range: try BlockRange(4, 6),
            blockCount: 24,
            blockDigests: [[UInt8](repeating: 0xd4, count: 32), [UInt8](repeating: 0xd5, count: 32)],
            weightFormat: "f16",
            numerics: 1,
            state: .online,
            blocksPerSecond: 812.5,
            freeKVBytes: 2 << 30,
            neighbourPings: [neighbour: 12.25],
            protocols: ["/kwaai/inference/1.0.0"],
            extensions: ["x/1"],
            version: "kwaai-swift/0.1.0",
            sequence: sequence,
            expiry: expiry ?? Self.now.advanced(bySeconds: 1800)
        )
    }

    @Test func `writes the published bytes and reads them back`() throws {
        let record = try Self.record()
        #expect(record.encoded() == (try Golden.bytes("node-record")))
        #expect(try NodeRecord(decoding: record.encoded()) == record)
        #expect(record.speaksStepExtension)
    }

    @Test func `says its name and from where it was dialled, where it knows`() throws {
        var record = try Self.record()
        record.name = "Küche 2"
        record.dialledFrom = .site
        #expect(record.encoded() == (try Golden.bytes("node-record-named")))
        #expect(try NodeRecord(decoding: record.encoded()) == record)
    }

    @Test func `passes over a word of later versions`() throws {
        var record = try Self.record()
        record.dialledFrom = .site
        // "site" becomes a word that nobody knows yet.
        var bytes = record.encoded()
        bytes.setString("moon", at: bytes.writerIndex - 4)
        record.dialledFrom = nil
        #expect(try NodeRecord(decoding: bytes) == record)
    }

    @Test func `refuses a name that is empty, too long, or not to be shown`() throws {
        let most = String(repeating: "n", count: Limits.nodeName)
        var record = try Self.record()
        record.name = most
        #expect(try NodeRecord(decoding: record.encoded()).name == most)
        for name in ["", most + "n", "a\u{1b}[2J"] {
            record.name = name
            #expect(throws: ShardError.self) { try NodeRecord(decoding: record.encoded()) }
        }
    }

    @Test func `a joining node has no digests yet`() throws {
        var record = try Self.record()
        record.state = .joining
        record.blockDigests = []
        #expect(try NodeRecord(decoding: record.encoded()) == record)
        record.blockDigests = [[UInt8](repeating: 0, count: 32)]
        #expect(throws: ShardError.self) { try NodeRecord(decoding: record.encoded()) }
    }

    @Test func `lists as many neighbours as its bound and no more`() throws {
        func record(neighbours: Int) throws -> NodeRecord {
            var record = try Self.record()
            record.neighbourPings = [:]
            for number in 0..<neighbours {
                record.neighbourPings[try Identity(seed: [UInt8](repeating: UInt8(number), count: 32)).peerID] = 1
            }
            return record
        }
        #expect(throws: Never.self) {
            try NodeRecord(decoding: record(neighbours: Limits.neighbourPings).encoded())
        }
        #expect(throws: ShardError.self) {
            try NodeRecord(decoding: record(neighbours: Limits.neighbourPings + 1).encoded())
        }
    }

    @Test func `lists as many protocols as its bound and no more`() throws {
        var record = try Self.record()
        record.protocols = (0..<Limits.protocols).map { "/p/\($0)" }
        #expect(try NodeRecord(decoding: record.encoded()).protocols.count == Limits.protocols)
        record.protocols.append("/one/more")
        #expect(throws: ShardError.self) { try NodeRecord(decoding: record.encoded()) }
    }

    @Test func `refuses numbers that no node can have`() throws {
        var record = try Self.record()
        record.blocksPerSecond = -.infinity
        #expect(throws: ShardError.self) { try NodeRecord(decoding: record.encoded()) }
        record = try Self.record()
        record.blockCount = 5
        #expect(throws: ShardError.self) { try NodeRecord(decoding: record.encoded()) }
        record = try Self.record()
        record.modelName = String(repeating: "n", count: Limits.name + 1)
        #expect(throws: ShardError.self) { try NodeRecord(decoding: record.encoded()) }
    }

    @Test func `random and mutated bytes never crash the reader`() throws {
        var generator = SeededGenerator(seed: 14)
        let bytes = try Self.record().encoded()
        for round in 0..<1_000 {
            _ = try? NodeRecord(decoding: generator.mutation(of: bytes))
            _ = try? NodeRecord(decoding: generator.bytes(count: round % 200))
        }
    }
}
