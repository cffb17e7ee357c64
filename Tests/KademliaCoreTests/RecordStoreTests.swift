import NIOCore
import P2PWire
import Testing

@testable import KademliaCore

@Suite struct RecordStoreTests {
    private let identity = Sample.identity(1)
    private let expiry = Sample.start + .hours(48)

    private func record(_ sequence: UInt64, name: String = "a", by identity: Identity? = nil) throws -> Record {
        let identity = identity ?? self.identity
        let name = try SignedValue.Name(peer: identity.peerID, name: name)
        let value = SignedValue(name: name, sequence: sequence, value: [1])
        return Record(key: name.recordKey, value: try value.sealed(by: identity))
    }

    @Test func `keeps the newest and refuses an older one`() throws {
        var store = RecordStore(owner: Sample.peerID(0))
        let (old, new) = (try self.record(1), try self.record(2))
        try store.put(old, expiry: self.expiry)
        try store.put(new, expiry: self.expiry)
        let error = #expect(throws: KademliaError.self) { try store.put(old, expiry: self.expiry) }
        #expect(error?.code == .staleRecord)
        #expect(store.record(for: new.key, now: Sample.start) == new)
        #expect(store.count == 1)
    }

    @Test func `a record runs out, and putting it again renews it`() throws {
        var store = RecordStore(owner: Sample.peerID(0))
        let record = try self.record(1)
        try store.put(record, expiry: Sample.start + .hours(1))
        try store.put(record, expiry: self.expiry)
        store.expire(now: Sample.start + .hours(1))
        #expect(store.record(for: record.key, now: Sample.start + .hours(1)) == record)
        #expect(store.record(for: record.key, now: self.expiry) == nil)
        store.expire(now: self.expiry)
        #expect(store.count == 0)
    }

    @Test func `a peer can fill only its share, until records of it run out`() throws {
        var store = RecordStore(owner: Sample.peerID(0))
        for number in 0..<Limits.recordsPerSigner {
            try store.put(try self.record(1, name: "n\(number)"), expiry: self.expiry)
        }
        let oneMore = try self.record(1, name: "more")
        let error = #expect(throws: KademliaError.self) { try store.put(oneMore, expiry: self.expiry) }
        #expect(error?.code == .storeFull)
        try store.put(try self.record(1, by: Sample.identity(2)), expiry: self.expiry)
        store.expire(now: self.expiry)
        try store.put(oneMore, expiry: self.expiry + .hours(1))
    }

    @Test func `a flood stays within the bound`() throws {
        var store = RecordStore(owner: Sample.peerID(0))
        for signer in 0..<UInt8(Limits.records / Limits.recordsPerSigner + 1) {
            for number in 0..<Limits.recordsPerSigner {
                let record = try self.record(1, name: "n\(number)", by: Sample.identity(signer))
                try? store.put(record, expiry: self.expiry)
            }
        }
        #expect(store.count == Limits.records)
    }
}
