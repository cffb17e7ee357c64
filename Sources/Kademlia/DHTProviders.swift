internal import KademliaCore
internal import NIOCore
internal import P2PCore
public import P2PWire

/// Provider records: who has what.
extension DHT {
    /// How the announcement of a key stands.
    struct Announcement {
        var lastMade: NIODeadline?
        /// Peers that took it.
        var holderCount = 0

        /// Whether it is to be made (again): in time before the holders forget it, at once while nobody holds it.
        func isDue(now: NIODeadline, interval: TimeAmount) -> Bool {
            guard let lastMade = self.lastMade, self.holderCount > 0 else { return true }
            return now - lastMade >= interval
        }
    }

    /// Announces that this host provides `key`, and keeps it announced while ``run()`` runs.
    ///
    /// - Parameter key: The bytes of a multihash, 1 to 80 of them.
    /// - Returns: How many peers took the record: 0 in an empty swarm, where it is announced as soon as somebody comes.
    /// - Throws: `noAddress` when the host does not listen, `invalidRecord` for a bad key.
    public func provide(_ key: [UInt8]) async throws(DHTError) -> Int {
        try Self.check(multihash: key)
        guard !self.host.listenAddresses.isEmpty else {
            throw DHTError(.noAddress, "this host listens nowhere, so nobody could reach it; give it a listen address")
        }
        self.announcements[key] = self.announcements[key] ?? Announcement()
        return await self.announce(key)
    }

    /// Announces `key` no more. The records that others hold run out within their expiry.
    public func stopProviding(_ key: [UInt8]) {
        self.announcements[key] = nil
        self.node.providers.remove(self.host.peerID, for: key)
    }

    /// Who provides `key`: all that the k closest peers, and this node itself, name.
    ///
    /// The addresses are hints; a peer that has none, or none that answers, may be found with ``findPeer(_:)``.
    ///
    /// - Throws: `noPeers` when nobody can be asked, `invalidRecord` for a bad key.
    public func providers(of key: [UInt8]) async throws(DHTError) -> [PeerInfo] {
        try Self.check(multihash: key)
        var found = ProviderUnion()
        let count = KademliaCore.Limits.providersPerKey
        found.add(self.node.providers.providers(of: key, count: count, now: .now(), using: &self.generator))
        if self.node.table.count == 0, found.peers.isEmpty { throw .noPeers }
        _ = await self.search(Message(.getProviders, key: key)) { _, answer in
            found.add(answer.providerPeers)
            return .goOn
        }
        return found.peers
    }

    /// Who provides any of `keys`, as far as `time` allows, by id.
    ///
    /// A search that takes longer, since some that it asks keep silent, gives what it has found until then.
    public func providers(of keys: [[UInt8]], within time: Duration) async -> [PeerInfo] {
        var found: [PeerID: PeerInfo] = [:]
        let answers = await concurrently(keys, limit: keys.count, within: time) { key in
            (try? await self.providers(of: key)) ?? []
        }
        for peer in answers.joined() where peer.id != self.host.peerID { found[peer.id] = peer }
        return found.values.sorted { $0.id < $1.id }
    }

    // MARK: Announcing

    /// Announces what is due.
    func republish(now: NIODeadline = .now()) async {
        let interval = TimeAmount(self.configuration.republishInterval)
        let due = self.announcements.filter { $0.value.isDue(now: now, interval: interval) }.map(\.key)
        _ = await concurrently(due, limit: Limits.concurrentAnnouncements) { await self.announce($0) }
    }

    /// Tells the peers that a search for `key` settles on, and remembers it here: in a small swarm this node is one of the closest.
    private func announce(_ key: [UInt8]) async -> Int {
        let now = NIODeadline.now()
        let own = self.own
        // A full store of nearer keys is no reason not to tell others.
        try? self.node.providers.add(own, for: key, expiry: now + TimeAmount(self.configuration.providerExpiry))
        let holders = await self.search(Message(.findNode, key: key)).holders
        let announcement = Message(.addProvider, key: key, providerPeers: [own])
        let isTaken = await concurrently(holders, limit: holders.count) { peer in
            do throws(P2PError) {
                try await self.tell(announcement, to: peer)
                return true
            } catch {
                return false
            }
        }
        let holderCount = isTaken.count { $0 }
        // It may have been withdrawn meanwhile.
        if self.announcements[key] != nil {
            self.announcements[key] = Announcement(lastMade: now, holderCount: holderCount)
        }
        return holderCount
    }

    /// Tells a peer that has come of all that this node provides and that it is among the closest to: the others who come
    /// may ask it first.
    func inform(_ peer: PeerInfo) async {
        let near = self.announcements.keys.filter { key in
            self.node.table.closest(to: KademliaKey(hashing: key)).contains { $0.id == peer.id }
        }
        let own = self.own
        _ = await concurrently(near, limit: Limits.concurrentAnnouncements) { key in
            // One that refuses is told again when the announcement is due.
            try? await self.tell(Message(.addProvider, key: key, providerPeers: [own]), to: peer)
        }
    }

    private static func check(multihash key: [UInt8]) throws(DHTError) {
        guard (1...KademliaCore.Limits.providerKeySize).contains(key.count) else {
            throw DHTError(
                .invalidRecord,
                "a provided key is a multihash of 1 to \(KademliaCore.Limits.providerKeySize) bytes"
            )
        }
    }
}
