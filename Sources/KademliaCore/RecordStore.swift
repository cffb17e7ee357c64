package import NIOCore
package import P2PWire

/// The value records that this node holds, each verified, the newest of its key, and gone after its expiry.
package struct RecordStore: Sendable {
    private struct Entry: Sendable {
        let value: [UInt8]
        let record: ValidatedRecord
        let expiry: NIODeadline
    }

    private var byKey: NearestStore<Entry>
    private var signerCounts: [PeerID: Int] = [:]

    package init(owner: PeerID) {
        self.byKey = NearestStore(owner: KademliaKey(owner), capacity: Limits.records)
    }

    package var count: Int { self.byKey.count }

    /// Verifies `record` and stores it, unless one that supersedes it is known.
    package mutating func put(_ record: Record, expiry: NIODeadline) throws(KademliaError) {
        let validated = try ValidatedRecord(record)
        let stored = self.byKey[record.key]
        if let stored, stored.record.supersedes(validated) {
            throw KademliaError(.staleRecord, "a newer value is stored; raise the sequence number")
        }
        if stored == nil, let signer = validated.signer {
            guard self.signerCounts[signer, default: 0] < Limits.recordsPerSigner else {
                throw KademliaError(.storeFull, "\(Limits.recordsPerSigner) records of that peer are kept, no more")
            }
        }
        switch self.byKey.set(Entry(value: record.value, record: validated, expiry: expiry), for: record.key) {
        case .full:
            throw KademliaError(.storeFull, "all \(Limits.records) records that are kept are nearer to this node")
        case .stored(let evicted):
            if stored == nil, let signer = validated.signer { self.signerCounts[signer, default: 0] += 1 }
            if let evicted { self.dropped(evicted) }
        }
    }

    package func record(for key: [UInt8], now: NIODeadline) -> Record? {
        guard let entry = self.byKey[key], entry.expiry > now else { return nil }
        return Record(key: key, value: entry.value)
    }

    /// Forgets the records that have run out.
    package mutating func expire(now: NIODeadline) {
        for key in Array(self.byKey.keys) {
            guard let entry = self.byKey[key], entry.expiry <= now else { continue }
            self.byKey.remove(key)
            self.dropped(entry)
        }
    }

    private mutating func dropped(_ entry: Entry) {
        guard let signer = entry.record.signer, let count = self.signerCounts[signer] else { return }
        self.signerCounts[signer] = count > 1 ? count - 1 : nil
    }
}
