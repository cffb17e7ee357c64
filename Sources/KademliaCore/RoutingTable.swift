package import NIOCore
package import P2PWire

/// The server-mode peers that a node knows, more of them the nearer they are (Kademlia §2.2).
///
/// Bucket i holds peers that share exactly i leading bits with the owner. Only peers that have proven to serve are
/// admitted, so that lookups do not wander to clients. At most 256 buckets of k members: about k · log₂(n) in practice.
package struct RoutingTable: Sendable {
    package let owner: KademliaKey
    package let bucketSize: Int
    /// Nil in a swarm whose peers may all be of one network.
    package let diversity: Diversity?
    /// Grown up to the deepest bucket that ever had a member.
    package private(set) var buckets: [KBucket] = []
    private let created: NIODeadline

    package init(
        owner: KademliaKey,
        bucketSize: Int = Limits.bucketSize,
        diversity: Diversity? = Diversity(),
        now: NIODeadline
    ) {
        self.owner = owner
        self.bucketSize = bucketSize
        self.diversity = diversity
        self.created = now
    }

    /// The number of members.
    package var count: Int {
        self.buckets.reduce(0) { $0 + $1.members.count }
    }

    package var members: [KBucket.Member] {
        self.buckets.flatMap(\.members)
    }

    package func contains(_ peer: PeerID) -> Bool {
        self.bucket(of: KademliaKey(peer))?.index(of: peer) != nil
    }

    /// Whether `peer` would become a member now: worth a request that tests it.
    ///
    /// - Parameter remotes: where it has been met, whatever it says.
    package func hasRoom(for peer: PeerInfo, seenAt remotes: [Multiaddr] = []) -> Bool {
        guard let index = self.bucketIndex(of: KademliaKey(peer.id)) else { return false }
        guard self.isWelcome(NetworkGroup.groups(of: peer.addresses + remotes), in: index, as: peer.id) else {
            return false
        }
        guard index < self.buckets.count else { return true }
        let members = self.buckets[index].members
        return members.count < self.bucketSize || members.contains { $0.failures > 0 }
    }

    // MARK: Changes

    /// `peer` serves our protocol and has answered a request of ours at `now`. Returns nil for the owner itself.
    ///
    /// - Parameter remotes: where it has been met: what it says of its addresses could hide its network.
    @discardableResult
    package mutating func admit(
        _ peer: PeerInfo,
        seenAt remotes: [Multiaddr] = [],
        now: NIODeadline
    ) -> KBucket.Admission? {
        let key = KademliaKey(peer.id)
        guard let index = self.bucketIndex(of: key) else { return nil }
        while self.buckets.count <= index { self.buckets.append(KBucket(lastRefreshed: self.created)) }
        var bounded = peer
        bounded.addresses.removeLast(max(0, peer.addresses.count - Limits.addressesPerPeer))
        let groups = NetworkGroup.groups(of: bounded.addresses + remotes)
        let known = self.buckets[index].index(of: peer.id).map { self.buckets[index].members[$0].groups }
        guard known == groups || self.isWelcome(groups, in: index, as: peer.id) else {
            self.remove(peer.id)
            return .crowded
        }
        let member = KBucket.Member(bounded, key: key, groups: groups, lastAnswered: now)
        return self.buckets[index].admit(member, capacity: self.bucketSize)
    }

    /// A request to `peer` failed or ran out of time.
    @discardableResult
    package mutating func failed(_ peer: PeerID) -> KBucket.Standing {
        guard let index = self.bucketIndex(of: KademliaKey(peer)), index < self.buckets.count else { return .left }
        return self.buckets[index].failed(peer, crowded: self.crowded(in: index, without: peer))
    }

    /// `peer` no longer serves.
    package mutating func remove(_ peer: PeerID) {
        guard let index = self.bucketIndex(of: KademliaKey(peer)), index < self.buckets.count else { return }
        self.buckets[index].remove(peer, crowded: self.crowded(in: index, without: peer))
    }

    // MARK: Diversity

    /// Whether a peer of these networks may be, or stay, a member.
    private func isWelcome(_ groups: [NetworkGroup], in index: Int, as peer: PeerID) -> Bool {
        guard let diversity = self.diversity else { return true }
        return groups.allSatisfy { group in
            var (ofTable, ofBucket) = (0, 0)
            for (number, bucket) in self.buckets.enumerated() {
                for member in bucket.members where member.groups.contains(group) && member.peer.id != peer {
                    ofTable += 1
                    if number == index { ofBucket += 1 }
                }
            }
            return ofTable < diversity.perTable && ofBucket < diversity.perBucket
        }
    }

    /// Those networks of who waits for a place that have as many members as they may, `peer` not counted.
    ///
    /// Counted anew each time: there are few hundred members, and a count that is kept could go wrong.
    private func crowded(in index: Int, without peer: PeerID) -> Set<NetworkGroup> {
        let waiting = self.buckets[index].replacements.flatMap(\.groups)
        return Set(waiting.filter { !self.isWelcome([$0], in: index, as: peer) })
    }

    // MARK: Reading

    /// The up to `count` members closest to `target`, the closest first. Members that failed their last request are
    /// left out: nobody should be sent to a peer that is probably gone.
    package func closest(
        to target: KademliaKey,
        count: Int = Limits.bucketSize,
        where isWanted: (PeerID) -> Bool = { _ in true }
    ) -> [PeerInfo] {
        var found: [(distance: Distance, peer: PeerInfo)] = []
        func collect(_ index: Int) {
            for member in self.buckets[index].members where member.failures == 0 && isWanted(member.peer.id) {
                found.append((member.key.distance(to: target), member.peer))
            }
        }
        // With c the bits that target and owner share: members of bucket c share more than c bits with the target,
        // those of deeper buckets exactly c, those of bucket i < c exactly i. So whole buckets can be taken in that
        // order.
        let shared = min(self.owner.commonPrefixLength(with: target), self.buckets.count)
        if shared < self.buckets.count { collect(shared) }
        if found.count < count { for index in self.buckets.indices.dropFirst(shared + 1) { collect(index) } }
        for index in (0..<shared).reversed() where found.count < count { collect(index) }
        return found.sorted { $0.distance < $1.distance }.prefix(count).map(\.peer)
    }

    // MARK: Upkeep

    /// A lookup for `target` has been made: its bucket needs no refresh for a while.
    package mutating func lookedUp(_ target: KademliaKey, now: NIODeadline) {
        let index = self.owner.commonPrefixLength(with: target)
        guard index < self.buckets.count else { return }
        self.buckets[index].lastRefreshed = now
    }

    /// The buckets that no lookup has gone into since `deadline` (Kademlia §2.3).
    package func bucketsUntouched(since deadline: NIODeadline) -> [Int] {
        self.buckets.indices.filter { self.buckets[$0].lastRefreshed < deadline }
    }

    /// The members that have not answered since `deadline`, or failed since they last did: ask them whether they live.
    package func membersSilent(since deadline: NIODeadline) -> [PeerInfo] {
        self.members.filter { $0.lastAnswered < deadline || $0.failures > 0 }.map(\.peer)
    }

    /// Keys whose points fall into `wanted` buckets, to look up for their refresh; at most one for each.
    ///
    /// A request carries a key and not its SHA-256, so such keys can only be found by drawing. One draw in 2^(i+1)
    /// falls into bucket i; `attempts` of them reach about the twelfth bucket. Deeper ones hold the owner's neighbours,
    /// which the lookup for the owner itself refreshes.
    package func refreshKeys(
        for wanted: [Int],
        attempts: Int = 8_192,
        using generator: inout some RandomNumberGenerator
    ) -> [[UInt8]] {
        var missing = Set(wanted)
        var keys: [[UInt8]] = []
        for _ in 0..<attempts where !missing.isEmpty {
            let key = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
            let bucket = self.owner.commonPrefixLength(with: KademliaKey(hashing: key))
            if missing.remove(bucket) != nil { keys.append(key) }
        }
        return keys
    }

    // MARK: Buckets

    private func bucketIndex(of key: KademliaKey) -> Int? {
        let index = self.owner.commonPrefixLength(with: key)
        return index < 256 ? index : nil
    }

    private func bucket(of key: KademliaKey) -> KBucket? {
        guard let index = self.bucketIndex(of: key), index < self.buckets.count else { return nil }
        return self.buckets[index]
    }
}
