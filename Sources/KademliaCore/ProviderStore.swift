package import NIOCore
package import P2PWire

/// Who provides what: the provider records that this node holds for others and for itself.
///
/// A record is a hint with an expiry. The number of keys, of providers of a key, and of keys of a provider are bounded.
package struct ProviderStore: Sendable {
    private struct Provision: Sendable {
        var addresses: [Multiaddr]
        var expiry: NIODeadline
    }

    private let owner: PeerID
    private var byKey: NearestStore<[PeerID: Provision]>
    private var keyCounts: [PeerID: Int] = [:]

    package init(owner: PeerID) {
        self.owner = owner
        self.byKey = NearestStore(owner: KademliaKey(owner), capacity: Limits.providerKeys)
    }

    /// The number of keys that have a provider record.
    package var count: Int { self.byKey.count }

    /// `provider` says that it provides `key`, until `expiry`. The record that it already has is renewed.
    package mutating func add(_ provider: PeerInfo, for key: [UInt8], expiry: NIODeadline) throws(KademliaError) {
        var provisions = self.byKey[key] ?? [:]
        let isNew = provisions[provider.id] == nil
        if isNew {
            guard provisions.count < Limits.providersPerKey else {
                throw KademliaError(.storeFull, "the key has \(Limits.providersPerKey) providers; no more are kept")
            }
            let share = self.keyCounts[provider.id, default: 0]
            guard provider.id == self.owner || share < Limits.keysPerProvider else {
                throw KademliaError(.storeFull, "the peer provides \(share) keys here; no more are kept for one peer")
            }
        }
        let addresses = Array(provider.addresses.prefix(Limits.addressesPerPeer))
        provisions[provider.id] = Provision(addresses: addresses, expiry: expiry)
        switch self.byKey.set(provisions, for: key) {
        case .full:
            throw KademliaError(.storeFull, "all \(Limits.providerKeys) keys that are kept are nearer to this node")
        case .stored(let evicted):
            if isNew { self.keyCounts[provider.id, default: 0] += 1 }
            for peer in (evicted ?? [:]).keys { self.dropped(peer) }
        }
    }

    /// Up to `count` providers of `key`, a random choice when there are more, so that they share the load.
    package func providers(
        of key: [UInt8],
        count: Int = Limits.bucketSize,
        now: NIODeadline,
        using generator: inout some RandomNumberGenerator
    ) -> [PeerInfo] {
        let live = (self.byKey[key] ?? [:])
            .filter { $0.value.expiry > now }
            .map { PeerInfo(id: $0.key, addresses: $0.value.addresses) }
            // A dictionary's order differs from process to process: without this, equal seeds would not choose alike.
            .sorted { $0.id < $1.id }
        guard live.count > count else { return live }
        return Array(live.shuffled(using: &generator).prefix(count))
    }

    package mutating func remove(_ provider: PeerID, for key: [UInt8]) {
        guard var provisions = self.byKey[key], provisions.removeValue(forKey: provider) != nil else { return }
        self.keep(provisions, for: key)
        self.dropped(provider)
    }

    /// Forgets the records that have run out.
    package mutating func expire(now: NIODeadline) {
        for key in Array(self.byKey.keys) {
            guard let provisions = self.byKey[key] else { continue }
            let live = provisions.filter { $0.value.expiry > now }
            guard live.count < provisions.count else { continue }
            self.keep(live, for: key)
            for peer in provisions.keys where live[peer] == nil { self.dropped(peer) }
        }
    }

    private mutating func keep(_ provisions: [PeerID: Provision], for key: [UInt8]) {
        if provisions.isEmpty { self.byKey.remove(key) } else { _ = self.byKey.set(provisions, for: key) }
    }

    /// One record of `peer` is gone.
    private mutating func dropped(_ peer: PeerID) {
        guard let count = self.keyCounts[peer] else { return }
        self.keyCounts[peer] = count > 1 ? count - 1 : nil
    }
}
