internal import KademliaCore
package import NIOCore
package import P2PWire

/// For simulations of what goes on above the network: they say when it is, and who can reach whom.
extension Simulation {
    /// The id of the member with that number.
    package func id(of member: Int) -> PeerID { self.members[member].info.id }

    /// The member with that id; nil for ids that liars invented.
    package func member(_ id: PeerID) -> Int? { self.indices[id] }

    /// How many of the first members lie.
    package var firstHonest: Int { self.liarCount }

    package mutating func advance(to now: NIODeadline) { self.now = now }

    /// A process stops, or starts again: what it kept for others is gone, and it has to find its way anew.
    package mutating func restart(_ member: Int, isGone: Bool) {
        if isGone {
            self.leave(member)
        } else if self.members[member].isGone, let first = self.randomHonest() {
            self.members[member].isGone = false
            self.members[member].node = Node(
                id: self.members[member].info.id,
                addresses: self.members[member].info.addresses,
                diversity: self.settings.limitsNetworks ? Diversity() : nil,
                now: self.now
            )
            self.join(member, through: first)
        }
    }

    /// Members of different sides do not reach each other.
    package mutating func place(_ member: Int, onSide side: Int) { self.members[member].side = side }

    /// What a member does every ten minutes.
    package mutating func refresh(_ member: Int) { self.keepUp(member) }

    /// `member` says that it provides `key`, which holds for half an hour.
    package mutating func provide(_ key: [UInt8], by member: Int) {
        self.announce(key, by: member, learning: true)
    }

    /// Who provides `key`, as far as `member` finds out, and in how many round trips.
    package mutating func providers(of key: [UInt8], for member: Int) -> (peers: [PeerID], rounds: Int) {
        var union = ProviderUnion()
        union.add(self.members[member].node.providers.providers(of: key, now: self.now, using: &self.generator))
        let lookup = self.lookup(from: member, Message(.getProviders, key: key), learning: true) { answer in
            union.add(answer.providerPeers)
        }
        return (union.peers.map(\.id), lookup.rounds)
    }
}
