internal import KademliaCore
internal import P2PWire

extension Simulation {
    @discardableResult
    mutating func addNode(lie: Adversary.Lie? = nil) -> Int {
        let id = PeerID.drawn(using: &self.generator)
        let info = PeerInfo(id: id, addresses: [self.drawnAddress(lie: lie)])
        let node = Node(
            id: id,
            addresses: info.addresses,
            diversity: self.settings.limitsNetworks ? Diversity() : nil,
            now: self.now
        )
        self.indices[id] = self.members.count
        self.members.append(Member(node: node, key: KademliaKey(id), info: info, lie: lie))
        return self.members.count - 1
    }

    /// An address of one of some twenty thousand networks, or of those that the liars have.
    private mutating func drawnAddress(lie: Adversary.Lie?) -> Multiaddr {
        var network = Int.random(in: 0..<89 * 256, using: &self.generator)
        if lie != nil, let shared = self.adversary.networks { network %= shared }
        let host = Int.random(in: 0..<65_536, using: &self.generator)
        return Self.address(network: network, host: host)
    }

    /// Of the network with that number, from 11.0.0.0/16 on.
    static func address(network: Int, host: Int) -> Multiaddr {
        let text = "/ip4/\(11 + network / 256).\(network % 256).\(host / 256).\(host % 256)/tcp/4801"
        guard let address = try? Multiaddr(text) else { preconditionFailure("\(text) is an address") }
        return address
    }

    /// Fills the bucket `sharedBits` of all nodes in `order`, which is sorted and shares that many bits, then the
    /// deeper ones.
    mutating func fill(_ order: ArraySlice<Int>, sharedBits: Int) {
        guard order.count > 1, sharedBits < 256 else { return }
        let middle = order.partitioningIndex { self.members[$0].key.words.bit(sharedBits) }
        let halves = (order[..<middle], order[middle...])
        for (half, others) in [halves, (halves.1, halves.0)] {
            for index in half {
                for other in self.sample(others) {
                    self.members[index].node.table.admit(self.members[other].info, now: self.now)
                }
            }
        }
        self.fill(halves.0, sharedBits: sharedBits + 1)
        self.fill(halves.1, sharedBits: sharedBits + 1)
    }

    /// k different members of `others`, or all.
    private mutating func sample(_ others: ArraySlice<Int>) -> [Int] {
        guard others.count > Limits.bucketSize else { return Array(others) }
        var chosen: [Int] = []
        while chosen.count < Limits.bucketSize {
            let candidate = others[Int.random(in: others.indices, using: &self.generator)]
            if !chosen.contains(candidate) { chosen.append(candidate) }
        }
        return chosen
    }
}

extension SIMD4<UInt64> {
    /// The bit at `position`, the most significant of the first word being 0.
    fileprivate func bit(_ position: Int) -> Bool {
        self[position / 64] >> UInt64(63 - position % 64) & 1 == 1
    }
}
