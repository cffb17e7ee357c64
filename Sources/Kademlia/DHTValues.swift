internal import KademliaCore
internal import NIOCore
internal import P2PCore
public import P2PWire

/// Value records: `/pk/` and `/v/`.
extension DHT {
    /// A value that a peer has published under a name of its own.
    public struct PublishedValue: Equatable, Sendable {
        public var sequence: UInt64
        public var value: [UInt8]
    }

    /// Stores a record at the k closest peers to its key.
    ///
    /// - Parameters:
    ///   - key: `/pk/` and the bytes of a peer id, or `/v/<peer id>/<name>`; no other namespace exists.
    ///   - value: That peer's public key in protobuf, or a signed value as ``publish(_:name:sequence:)`` makes it.
    /// - Throws: `invalidRecord` when key and value do not belong together, `staleValue` when a newer value is known,
    ///   `notStored` when nobody took it, `noPeers` when nobody can be asked.
    /// - Returns: How many peers took it. One that this host has signed is put anew while ``run()`` runs.
    @discardableResult
    public func put(_ key: [UInt8], _ value: [UInt8]) async throws(DHTError) -> Int {
        let record = Record(key: key, value: value)
        let offered = try Self.validated(record)
        guard self.node.table.count > 0 else { throw .noPeers }
        let found = await self.collect(key)
        if let newest = found.newest, newest.validated.supersedes(offered) {
            throw DHTError(.staleValue, "a newer value is stored; raise the sequence number")
        }
        self.keep(record)
        if offered.signer == self.host.peerID { self.ownValues[key] = OwnValue(record: record, lastPut: .now()) }
        let holderCount = await self.store(record, at: found.holders)
        guard holderCount > 0 else {
            throw DHTError(.notStored, "none of \(found.holders.count) peers took the value; try again later")
        }
        return holderCount
    }

    /// The newest valid record of `key` that the swarm knows, nil when there is none.
    ///
    /// Those of the k closest peers that have an older one, or none, are told the newest.
    ///
    /// - Throws: `noPeers` when nobody can be asked and nothing is stored here.
    public func get(_ key: [UInt8]) async throws(DHTError) -> [UInt8]? {
        if self.node.table.count == 0, self.node.records.record(for: key, now: .now()) == nil { throw .noPeers }
        let found = await self.collect(key)
        guard let newest = found.newest else { return nil }
        _ = await self.store(newest.record, at: found.holders.filter { !newest.holders.contains($0.id) })
        return newest.record.value
    }

    /// Publishes a value under `/v/<this host's peer id>/<name>`, signed.
    ///
    /// - Parameters:
    ///   - name: 1 to 64 of the characters A–Z a–z 0–9 . _ -
    ///   - sequence: Higher than that of the value it replaces.
    /// - Returns: How many peers took it.
    /// - Throws: As ``put(_:_:)``.
    @discardableResult
    public func publish(_ value: [UInt8], name: String, sequence: UInt64) async throws(DHTError) -> Int {
        let name = try Self.name(name, of: self.host.peerID)
        let signed = SignedValue(name: name, sequence: sequence, value: value)
        let sealed: [UInt8]
        do throws(KademliaError) {
            sealed = try signed.sealed(by: self.host.configuration.identity)
        } catch {
            throw DHTError(error)
        }
        return try await self.put(name.recordKey, sealed)
    }

    /// What `peer` has published under `name`, verified; nil when there is nothing.
    ///
    /// - Throws: `invalidRecord` for a bad name, `noPeers` when nobody can be asked.
    public func published(by peer: PeerID, name: String) async throws(DHTError) -> PublishedValue? {
        let key = try Self.name(name, of: peer).recordKey
        guard let value = try await self.get(key), let signed = try? SignedValue(Record(key: key, value: value))
        else { return nil }
        return PublishedValue(sequence: signed.sequence, value: signed.value)
    }

    // MARK: Republishing

    /// A value that this host has signed, and when it was last put.
    struct OwnValue {
        var record: Record
        var lastPut: NIODeadline
    }

    /// Puts the values of this host anew where they are due: the holders of today may be gone tomorrow, and others may
    /// have come closer. A newer one that has been published meanwhile, from another process, takes the place.
    func republishValues(now: NIODeadline) async {
        let interval = TimeAmount(self.configuration.valueRepublishInterval)
        for (key, own) in self.ownValues where now - own.lastPut >= interval {
            let found = await self.collect(key)
            var newest = own.record
            if let other = found.newest, let validated = try? ValidatedRecord(newest),
                other.validated.supersedes(validated)
            {
                newest = other.record
            }
            self.keep(newest, now: now)
            self.ownValues[key] = OwnValue(record: newest, lastPut: now)
            _ = await self.store(newest, at: found.holders)
        }
    }

    // MARK: Parts

    /// A record that counts among those found, and who has it.
    private struct Newest {
        var record: Record
        var validated: ValidatedRecord
        var holders: Set<PeerID>
    }

    /// Asks the k closest peers to `key`, and the own store, for its record; invalid ones are left out.
    private func collect(_ key: [UInt8]) async -> (holders: [PeerInfo], newest: Newest?) {
        var newest: Newest?
        func found(_ record: Record, at holder: PeerID) {
            guard record.key == key, let validated = try? ValidatedRecord(record) else { return }
            if record == newest?.record {
                newest?.holders.insert(holder)
            } else if newest.map({ validated.supersedes($0.validated) }) ?? true {
                newest = Newest(record: record, validated: validated, holders: [holder])
            }
        }
        if let own = self.node.records.record(for: key, now: .now()) { found(own, at: self.host.peerID) }
        let lookup = await self.search(Message(.getValue, key: key)) { peer, answer in
            if let record = answer.record { found(record, at: peer.id) }
            return .goOn
        }
        return (lookup.holders, newest)
    }

    /// Puts `record` to `peers`. Returns how many took it.
    private func store(_ record: Record, at peers: [PeerInfo]) async -> Int {
        let request = Message(.putValue, key: record.key, record: record)
        let isTaken = await concurrently(peers, limit: peers.count) { peer in
            guard let answer = try? await self.ask(request, of: peer) else { return false }
            return answer.record == record
        }
        return isTaken.count { $0 }
    }

    /// Keeps a record of our own making: in a small swarm this node is one of the closest.
    private func keep(_ record: Record, now: NIODeadline = .now()) {
        // A store full of nearer keys, or a newer value that came meanwhile, is no reason not to tell others.
        try? self.node.records.put(record, expiry: now + TimeAmount(self.configuration.valueExpiry))
    }

    private static func name(_ name: String, of peer: PeerID) throws(DHTError) -> SignedValue.Name {
        do throws(KademliaError) {
            return try SignedValue.Name(peer: peer, name: name)
        } catch {
            throw DHTError(error)
        }
    }

    private static func validated(_ record: Record) throws(DHTError) -> ValidatedRecord {
        do throws(KademliaError) {
            return try ValidatedRecord(record)
        } catch {
            throw DHTError(error)
        }
    }
}
