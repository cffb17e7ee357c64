package import NIOCore
package import P2PWire

/// One bucket of the routing table: up to k peers at about the same distance (Kademlia §2.2).
///
/// A member stays while it answers; a newcomer gets the place of a stale one or waits for one. That keeps the peers
/// that have been up for long, which are the likeliest to stay, and nobody can flush the table with fresh identities.
package struct KBucket: Sendable {
    package struct Member: Sendable, Equatable {
        package let key: KademliaKey
        package var peer: PeerInfo
        /// The networks that it is in, by its addresses and by where it was met.
        package var groups: [NetworkGroup]
        /// When it last answered a request of ours.
        package var lastAnswered: NIODeadline
        /// Requests that failed since then.
        package var failures = 0

        package init(
            _ peer: PeerInfo,
            key: KademliaKey,
            groups: [NetworkGroup] = [],
            lastAnswered: NIODeadline
        ) {
            self.key = key
            self.peer = peer
            self.groups = groups
            self.lastAnswered = lastAnswered
        }
    }

    package enum Admission: Equatable {
        case added
        /// It was a member already; its addresses and liveness are new.
        case updated
        /// It took the place of a member that had stopped answering.
        case replaced(PeerID)
        /// The bucket is full of live members; it is kept for when one of them leaves.
        case waiting
        /// There are members enough of one of its networks; were it one of them, it has left.
        case crowded
    }

    package enum Standing: Equatable {
        case stays
        case left
    }

    package private(set) var members: [Member] = []
    /// Newcomers without a place, the latest last.
    package private(set) var replacements: [Member] = []
    /// When a lookup last went into this bucket.
    package var lastRefreshed: NIODeadline

    package init(lastRefreshed: NIODeadline) {
        self.lastRefreshed = lastRefreshed
    }

    package func index(of peer: PeerID) -> Int? {
        self.members.firstIndex { $0.peer.id == peer }
    }

    /// A peer that is known to serve has answered us.
    package mutating func admit(_ member: Member, capacity: Int) -> Admission {
        if let index = self.index(of: member.peer.id) {
            self.members[index].update(from: member)
            return .updated
        }
        self.replacements.removeAll { $0.peer.id == member.peer.id }
        if self.members.count < capacity {
            self.members.append(member)
            return .added
        }
        if let stale = self.members.firstIndex(where: { $0.failures > 0 }) {
            defer { self.members[stale] = member }
            return .replaced(self.members[stale].peer.id)
        }
        if self.replacements.count == Limits.replacementsPerBucket { self.replacements.removeFirst() }
        self.replacements.append(member)
        return .waiting
    }

    /// A request to `peer` failed.
    ///
    /// It leaves at once when somebody waits for its place, else after `Limits.failuresBeforeRemoval` failures in a
    /// row: in a small swarm a restarting peer should not be forgotten.
    ///
    /// - Parameter crowded: the networks that no newcomer may be of.
    package mutating func failed(_ peer: PeerID, crowded: Set<NetworkGroup> = []) -> Standing {
        self.replacements.removeAll { $0.peer.id == peer }
        guard let index = self.index(of: peer) else { return .left }
        if let replacement = self.takeReplacement(crowded: crowded) {
            self.members[index] = replacement
            return .left
        }
        self.members[index].failures += 1
        guard self.members[index].failures >= Limits.failuresBeforeRemoval else { return .stays }
        self.members.remove(at: index)
        return .left
    }

    /// Takes a peer out whatever its state, because it stopped serving.
    package mutating func remove(_ peer: PeerID, crowded: Set<NetworkGroup> = []) {
        self.replacements.removeAll { $0.peer.id == peer }
        guard let index = self.index(of: peer) else { return }
        if let replacement = self.takeReplacement(crowded: crowded) {
            self.members[index] = replacement
        } else {
            self.members.remove(at: index)
        }
    }

    /// The latest newcomer that is of no crowded network.
    private mutating func takeReplacement(crowded: Set<NetworkGroup>) -> Member? {
        let index = self.replacements.lastIndex { $0.groups.allSatisfy { !crowded.contains($0) } }
        return index.map { self.replacements.remove(at: $0) }
    }
}

extension KBucket.Member {
    fileprivate mutating func update(from newer: KBucket.Member) {
        if !newer.peer.addresses.isEmpty {
            self.peer.addresses = newer.peer.addresses
            self.groups = newer.groups
        }
        self.lastAnswered = newer.lastAnswered
        self.failures = 0
    }
}
