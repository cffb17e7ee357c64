internal import KademliaCore
internal import NIOCore
internal import P2PWire

/// A Kademlia network in memory, made of the very values that the real one runs on: `Node`, `RoutingTable`, `Lookup`.
///
/// Every request takes one unit of time, so a lookup's rounds are the time that it takes. The same seed gives the same
/// network and the same lookups.
public struct Simulation: Sendable {
    private var nodes: [Node] = []
    private var keys: [KademliaKey] = []
    private var indices: [PeerID: Int] = [:]
    private var isGone: [Bool] = []
    private var generator: SeededGenerator
    private let now = NIODeadline.uptimeNanoseconds(0)

    /// The number of nodes, those that are gone included.
    public var nodeCount: Int { self.nodes.count }

    /// A network that has settled: each bucket of each node holds k random nodes of those that belong there, or all of
    /// them when there are no more than k. That is where the protocol's refreshes lead.
    public init(nodeCount: Int, seed: UInt64) {
        self.init(seed: seed)
        for _ in 0..<nodeCount { self.addNode() }
        let order = self.nodes.indices.sorted { self.keys[$0].words.precedes(self.keys[$1].words) }
        self.fill(order[...], sharedBits: 0)
    }

    /// A network that grew: each node joined through the first one with the lookups that a real one makes, for itself
    /// and into its buckets.
    public init(joining nodeCount: Int, seed: UInt64) {
        self.init(seed: seed)
        for _ in 0..<nodeCount {
            let index = self.addNode()
            guard index > 0 else { continue }
            self.nodes[index].table.admit(PeerInfo(id: self.nodes[0].id, addresses: []), now: self.now)
            _ = self.lookup(from: index, key: self.nodes[index].id.bytes, learning: true)
            let buckets = Array(self.nodes[index].table.buckets.indices)
            for key in self.nodes[index].table.refreshKeys(for: buckets, attempts: 256, using: &self.generator) {
                _ = self.lookup(from: index, key: key, learning: true)
            }
        }
    }

    private init(seed: UInt64) {
        self.generator = SeededGenerator(seed: seed)
    }

    // MARK: Events

    /// That part of the nodes vanishes without a word; the tables of the others still name them.
    public mutating func remove(fraction: Double) {
        let count = Int(Double(self.nodes.count) * min(1, max(0, fraction)))
        for index in self.nodes.indices.shuffled(using: &self.generator).prefix(count) { self.isGone[index] = true }
    }

    /// What each node does every ten minutes: it asks its members whether they live, and looks up its own
    /// neighbourhood.
    public mutating func refresh() {
        for index in self.nodes.indices where !self.isGone[index] {
            for member in self.nodes[index].table.members where self.isGone(member.peer.id) {
                for _ in 0..<Limits.failuresBeforeRemoval { self.nodes[index].table.failed(member.peer.id) }
            }
        }
        for index in self.nodes.indices where !self.isGone[index] {
            _ = self.lookup(from: index, key: self.nodes[index].id.bytes, learning: true)
        }
    }

    /// Makes `count` lookups of random keys from random living nodes, and compares each with the truth.
    public mutating func lookups(_ count: Int) -> LookupReport {
        var report = LookupReport(nodeCount: self.nodes.count)
        let living = self.nodes.indices.filter { !self.isGone[$0] }
        for _ in 0..<count {
            guard let origin = living.randomElement(using: &self.generator) else { break }
            let key = (0..<34).map { _ in UInt8.random(in: .min ... .max, using: &self.generator) }
            let lookup = self.lookup(from: origin, key: key, learning: false)
            let closest = self.closest(to: lookup.target, among: living, but: origin)
            let survivors = self.closest(to: lookup.target, among: Array(self.nodes.indices), but: origin)
                .filter { !self.isGone($0) }
            report.add(
                lookup.closest.map(\.id),
                closest: closest,
                survivors: survivors,
                rounds: lookup.rounds,
                requests: lookup.requestCount
            )
        }
        return report
    }

    // MARK: One lookup

    /// - Parameter learning: whether those who meet take each other into their tables, as they do outside.
    private mutating func lookup(from origin: Int, key wanted: [UInt8], learning: Bool) -> Lookup {
        let target = KademliaKey(hashing: wanted)
        let seeds = self.nodes[origin].table.closest(to: target, count: Limits.lookupSeeds)
        var lookup = Lookup(target: target, owner: self.nodes[origin].id, seeds: seeds, now: self.now)
        var actions = lookup.start()
        while !actions.contains(.finish) {
            var next: [Lookup.Action] = []
            for action in actions {
                let (peer, key): (PeerInfo, [UInt8])
                switch action {
                case .ask(let asked): (peer, key) = (asked, wanted)
                case .widen(let asked, let neighbour): (peer, key) = (asked, neighbour.bytes)
                case .finish: continue
                }
                if let closer = self.answer(of: peer.id, to: origin, key: key, learning: learning) {
                    next += lookup.answered(peer.id, closer: closer)
                } else {
                    next += lookup.failed(peer.id)
                }
            }
            actions = next
        }
        return lookup
    }

    /// What `peer` answers to a FIND_NODE; nil when it is gone.
    private mutating func answer(of peer: PeerID, to origin: Int, key: [UInt8], learning: Bool) -> [PeerInfo]? {
        guard let index = self.indices[peer], !self.isGone[index] else { return nil }
        let asker = self.nodes[origin].id
        let reply = self.nodes[index].received(
            Message(.findNode, key: key),
            from: asker,
            now: self.now,
            using: &self.generator
        )
        if learning {
            self.nodes[origin].table.admit(PeerInfo(id: peer, addresses: []), now: self.now)
            self.nodes[index].table.admit(PeerInfo(id: asker, addresses: []), now: self.now)
        }
        guard case .answer(let answer) = reply else { return nil }
        return answer.closerPeers
    }

    /// The truth, by comparing everybody.
    private func closest(to target: KademliaKey, among indices: [Int], but origin: Int) -> [PeerID] {
        var closest: [(distance: Distance, index: Int)] = []
        for index in indices where index != origin {
            let distance = self.keys[index].distance(to: target)
            if closest.count == Limits.bucketSize, let last = closest.last, last.distance < distance { continue }
            let place = closest.firstIndex { distance < $0.distance } ?? closest.count
            closest.insert((distance, index), at: place)
            if closest.count > Limits.bucketSize { closest.removeLast() }
        }
        return closest.map { self.nodes[$0.index].id }
    }

    private func isGone(_ peer: PeerID) -> Bool {
        self.indices[peer].map { self.isGone[$0] } ?? true
    }

    // MARK: Building

    @discardableResult
    private mutating func addNode() -> Int {
        let key = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &self.generator) }
        // The form of an Ed25519 peer id; nobody signs anything here, so any 32 bytes do for the key.
        guard let id = try? PeerID(bytes: [0x00, 0x24, 0x08, 0x01, 0x12, 0x20] + key) else {
            preconditionFailure("38 bytes of that form are a peer id")
        }
        self.indices[id] = self.nodes.count
        self.nodes.append(Node(id: id, now: self.now))
        self.keys.append(KademliaKey(id))
        self.isGone.append(false)
        return self.nodes.count - 1
    }

    /// Fills the bucket `sharedBits` of all nodes in `order`, which is sorted and shares that many bits, then the
    /// deeper ones.
    private mutating func fill(_ order: ArraySlice<Int>, sharedBits: Int) {
        guard order.count > 1, sharedBits < 256 else { return }
        let middle = order.partitioningIndex { self.keys[$0].words.bit(sharedBits) }
        let halves = (order[..<middle], order[middle...])
        for (half, others) in [halves, (halves.1, halves.0)] {
            for index in half {
                for other in self.sample(others) {
                    self.nodes[index].table.admit(PeerInfo(id: self.nodes[other].id, addresses: []), now: self.now)
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
    fileprivate func precedes(_ other: Self) -> Bool {
        for index in 0..<4 where self[index] != other[index] { return self[index] < other[index] }
        return false
    }

    /// The bit at `position`, the most significant of the first word being 0.
    fileprivate func bit(_ position: Int) -> Bool {
        self[position / 64] >> UInt64(63 - position % 64) & 1 == 1
    }
}

extension ArraySlice {
    /// Where the elements that satisfy `belongs` begin; all of them stand behind all others.
    fileprivate func partitioningIndex(where belongs: (Element) -> Bool) -> Int {
        var low = self.startIndex
        var high = self.endIndex
        while low < high {
            let middle = low + (high - low) / 2
            if belongs(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
