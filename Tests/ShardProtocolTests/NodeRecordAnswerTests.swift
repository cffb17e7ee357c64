import NIOCore
import P2PWire
import Testing

@testable import ShardProtocol

@Suite struct NodeRecordAnswerTests {
    private let now = NodeRecordTests.now

    private func signed(seed: UInt8, change: (inout NodeRecord) throws -> Void = { _ in }) throws -> SignedNodeRecord {
        var record = try NodeRecordTests.record()
        try change(&record)
        return SignedNodeRecord(record, by: try Identity(seed: [UInt8](repeating: seed, count: 32)))
    }

    @Test func `carries the responder's record first, then those of others`() throws {
        let own = try self.signed(seed: 1)
        let others = [try self.signed(seed: 2), try self.signed(seed: 3)]
        let answer = NodeRecordAnswer.encode(own: own, others: others, now: self.now)
        let read = try NodeRecordAnswer.decode(answer, from: own.peer, now: self.now)
        #expect(read.first == own)
        #expect(Set(read.dropFirst()) == Set(others))
    }

    @Test func `leaves out other models, expired records and its own again`() throws {
        let own = try self.signed(seed: 1)
        let others = [
            own, try self.signed(seed: 2) { $0.modelKey = try ModelKey(bytes: [UInt8](repeating: 9, count: 16)) },
            try self.signed(seed: 3) { $0.expiry = UnixTime(seconds: 1) },
        ]
        let answer = NodeRecordAnswer.encode(own: own, others: others, now: self.now)
        #expect(answer == NodeRecordAnswer.encode(own: own, others: [], now: self.now))
    }

    @Test func `carries as many others as its bounds and no more`() throws {
        let own = try self.signed(seed: 255)
        let many = try (0...Limits.otherNodeRecords).map { try self.signed(seed: UInt8($0)) }
        let answer = NodeRecordAnswer.encode(own: own, others: many, now: self.now)
        #expect(try NodeRecordAnswer.decode(answer, from: own.peer, now: self.now).count == 1 + Limits.otherNodeRecords)

        let large = try (0..<UInt8(Limits.otherNodeRecords)).map { seed in
            try self.signed(seed: seed) {
                $0.range = try BlockRange(0, 200)
                $0.blockCount = 200
                $0.blockDigests = [[UInt8]](repeating: [UInt8](repeating: 1, count: 32), count: 200)
            }
        }
        let full = NodeRecordAnswer.encode(own: own, others: large, now: self.now)
        #expect(full.readableBytes <= Limits.nodeRecordAnswer)
        #expect(try NodeRecordAnswer.decode(full, from: own.peer, now: self.now).count > 10)
    }

    @Test func `refuses an answer that does not start with the responder's own record`() throws {
        let (own, other) = (try self.signed(seed: 1), try self.signed(seed: 2))
        let answer = NodeRecordAnswer.encode(own: other, others: [own], now: self.now)
        #expect(throws: ShardError.self) { try NodeRecordAnswer.decode(answer, from: own.peer, now: self.now) }
        #expect(throws: ShardError.self) { try NodeRecordAnswer.decode(ByteBuffer(), from: own.peer, now: self.now) }
    }

    @Test func `drops a passed-on record that cannot be verified`() throws {
        let (own, other) = (try self.signed(seed: 1), try self.signed(seed: 2))
        var answer = NodeRecordAnswer.encode(own: own, others: [], now: self.now)
        var forged = other.envelope
        forged[forged.count - 1] ^= 1
        answer.writeUVarintPrefixed(forged)
        answer.writeUVarintPrefixed(other.envelope)
        #expect(try NodeRecordAnswer.decode(answer, from: own.peer, now: self.now) == [own, other])
    }

    @Test func `random and mutated bytes never crash the reader`() throws {
        var generator = SeededGenerator(seed: 15)
        let own = try self.signed(seed: 1)
        let answer = NodeRecordAnswer.encode(own: own, others: [try self.signed(seed: 2)], now: self.now)
        for round in 0..<100 {
            _ = try? NodeRecordAnswer.decode(generator.mutation(of: answer), from: own.peer, now: self.now)
            _ = try? NodeRecordAnswer.decode(generator.bytes(count: round), from: own.peer, now: self.now)
        }
    }
}
