internal import KademliaCore
internal import NIOCore
internal import P2PWire

/// A Kademlia network in memory, made of the very values that the real one runs on: `Node`, `RoutingTable`, `Lookup`.
///
/// Every request takes one unit of time, so a lookup's rounds are the time that it takes. The same seed gives the same
/// network and the same lookups.
public struct Simulation: Sendable {
    /// How the nodes search.
    public struct Settings: Sendable {
        /// Paths of a lookup that have no peer in common.
        public var paths = Lookup.Parameters().paths
        /// Whether peers of one network are counted, in tables and in lookups.
        public var limitsNetworks = true

        public init() {}
    }

    /// A node, and what it is in truth.
    struct Member: Sendable {
        var node: Node
        let key: KademliaKey
        let info: PeerInfo
        let lie: Adversary.Lie?
        var isGone = false
        /// Who is on another side is out of reach.
        var side = 0

        var isHonest: Bool { self.lie == nil }
    }

    var members: [Member] = []
    var indices: [PeerID: Int] = [:]
    var generator: SeededGenerator
    var now = NIODeadline.uptimeNanoseconds(0)
    let settings: Settings
    let adversary: Adversary
    var invented: InventedPeers?
    /// The first so many members lie.
    private(set) var liarCount = 0

    /// The number of nodes, those that are gone included.
    public var nodeCount: Int { self.members.count }

    /// A network that has settled: each bucket of each node holds k random nodes of those that belong there, or all of
    /// them when there are no more than k. That is where the protocol's refreshes lead.
    public init(
        nodeCount: Int,
        seed: UInt64,
        adversary: Adversary = Adversary(fraction: 0),
        settings: Settings = Settings()
    ) {
        self.init(seed: seed, adversary: adversary, settings: settings)
        self.liarCount = Int(Double(nodeCount) * adversary.fraction)
        for number in 0..<nodeCount {
            self.addNode(lie: number < self.liarCount ? adversary.lies[number % adversary.lies.count] : nil)
        }
        if self.liarCount > 0, !Set(adversary.lies).isDisjoint(with: [.invention, .multiplication]) {
            // With 40 times as many points as nodes, all of an answer's 20 are closer than the closest node.
            self.invented = InventedPeers(count: 40 * nodeCount, using: &self.generator)
        }
        let order = self.members.indices.sorted { self.members[$0].key.words.precedes(self.members[$1].key.words) }
        self.fill(order[...], sharedBits: 0)
    }

    /// A network that grew: each node joined through the first one with the lookups that a real one makes, for itself
    /// and into its buckets.
    public init(joining nodeCount: Int, seed: UInt64) {
        self.init(seed: seed, adversary: Adversary(fraction: 0), settings: Settings())
        for _ in 0..<nodeCount {
            let index = self.addNode()
            guard index > 0 else { continue }
            self.join(index, through: 0)
            let buckets = Array(self.members[index].node.table.buckets.indices)
            let table = self.members[index].node.table
            for key in table.refreshKeys(for: buckets, attempts: 256, using: &self.generator) {
                _ = self.lookup(from: index, Message(.findNode, key: key), learning: true)
            }
        }
    }

    private init(seed: UInt64, adversary: Adversary, settings: Settings) {
        self.generator = SeededGenerator(seed: seed)
        self.adversary = adversary
        self.settings = settings
    }

    // MARK: Events

    /// That part of the nodes vanishes without a word; the tables of the others still name them.
    public mutating func remove(fraction: Double) {
        let count = Int(Double(self.members.count) * min(1, max(0, fraction)))
        for index in self.members.indices.shuffled(using: &self.generator).prefix(count) {
            self.members[index].isGone = true
        }
    }

    /// What each node does every ten minutes: it asks its members whether they live, and looks up its own
    /// neighbourhood.
    public mutating func refresh() {
        for index in self.members.indices where !self.members[index].isGone {
            // As often as a member may fail before it leaves.
            for _ in 0..<Limits.failuresBeforeRemoval { self.checkMembers(of: index) }
        }
        for index in self.members.indices where !self.members[index].isGone {
            _ = self.lookup(from: index, Message(.findNode, key: self.members[index].info.id.bytes), learning: true)
        }
    }

    /// Makes `count` lookups of random keys from random honest nodes, and compares each with the truth.
    public mutating func lookups(_ count: Int) -> LookupReport {
        var report = LookupReport(nodeCount: self.members.count)
        for _ in 0..<count {
            guard let origin = self.randomHonest() else { break }
            let lookup = self.lookup(from: origin, Message(.findNode, key: self.randomKey()), learning: false)
            self.add(lookup, of: origin, to: &report)
        }
        return report
    }

    /// Compares a lookup with the truth, by asking everybody.
    func add(_ lookup: Lookup, of origin: Int, to report: inout LookupReport) {
        let everybody = self.closest(to: lookup.target, but: origin) { _ in true }
        let living = self.closest(to: lookup.target, but: origin) { !$0.isGone }
        report.add(
            lookup.closest.map(\.id),
            closest: living.map { self.members[$0].info.id },
            honest: living.filter { self.members[$0].isHonest }.map { self.members[$0].info.id },
            survivors: everybody.filter { !self.members[$0].isGone }.map { self.members[$0].info.id },
            rounds: lookup.rounds,
            requests: lookup.requestCount
        )
    }

    // MARK: One lookup

    /// - Parameters:
    ///   - learning: whether those who meet take each other into their tables, as they do outside.
    ///   - visit: sees every answer.
    mutating func lookup(
        from origin: Int,
        _ request: Message,
        learning: Bool,
        visit: (Message) -> Void = { _ in }
    ) -> Lookup {
        var parameters = Lookup.Parameters()
        parameters.paths = self.settings.paths
        if !self.settings.limitsNetworks { parameters.perGroup = nil }
        let target = KademliaKey(hashing: request.key)
        var lookup = Lookup(
            target: target,
            owner: self.members[origin].info.id,
            seeds: self.members[origin].node.table.closest(to: target, count: Limits.lookupSeeds),
            parameters: parameters,
            now: self.now
        )
        var actions = lookup.start()
        while !actions.contains(.finish) {
            var next: [Lookup.Action] = []
            for action in actions {
                let (peer, asked): (PeerInfo, Message)
                switch action {
                case .ask(let candidate):
                    (peer, asked) = (candidate, request)
                case .widen(let candidate, let neighbour):
                    (peer, asked) = (candidate, Message(.findNode, key: neighbour.bytes))
                case .finish: continue
                }
                if let answer = self.answer(of: peer.id, to: origin, asked, learning: learning) {
                    visit(answer)
                    next += lookup.answered(peer.id, closer: answer.closerPeers)
                } else {
                    if learning { self.members[origin].node.table.failed(peer.id) }
                    next += lookup.failed(peer.id)
                }
            }
            actions = next
        }
        if learning { self.members[origin].node.table.lookedUp(target, now: self.now) }
        return lookup
    }

    /// What `peer` answers; nil when it is gone, or silent.
    mutating func answer(of peer: PeerID, to origin: Int, _ request: Message, learning: Bool) -> Message? {
        guard let index = self.indices[peer], !self.members[index].isGone,
            self.members[index].side == self.members[origin].side
        else { return self.inventedAnswer(of: peer, request) }
        let asker = self.members[origin].info
        let answer: Message?
        if let lie = self.members[index].lie {
            answer = self.answer(of: index, telling: lie, to: asker.id, request)
        } else {
            answer = self.honestAnswer(of: index, to: asker.id, request)
        }
        if learning, answer != nil {
            self.members[origin].node.table.admit(self.members[index].info, now: self.now)
            self.members[index].node.table.admit(asker, now: self.now)
        }
        return answer
    }

    mutating func honestAnswer(of index: Int, to asker: PeerID, _ request: Message) -> Message? {
        let reply = self.members[index].node.received(request, from: asker, now: self.now, using: &self.generator)
        if case .answer(let answer) = reply { return answer }
        return nil
    }

    // MARK: Upkeep

    /// A node meets its first peer, and looks up its own neighbourhood through it.
    mutating func join(_ index: Int, through first: Int) {
        self.members[index].node.table.admit(self.members[first].info, now: self.now)
        _ = self.lookup(from: index, Message(.findNode, key: self.members[index].info.id.bytes), learning: true)
    }

    /// A node asks its members whether they live.
    mutating func checkMembers(of index: Int) {
        for member in self.members[index].node.table.members {
            let lives = self.indices[member.peer.id].map {
                !self.members[$0].isGone && self.members[$0].lie != .silence
                    && self.members[$0].side == self.members[index].side
            }
            if lives == true {
                self.members[index].node.table.admit(member.peer, now: self.now)
            } else {
                self.members[index].node.table.failed(member.peer.id)
            }
        }
    }

    // MARK: The truth

    /// The k nodes that are closest to `target` of those wanted, the closest first.
    func closest(to target: KademliaKey, but origin: Int, where isWanted: (Member) -> Bool) -> [Int] {
        var closest: [(distance: Distance, index: Int)] = []
        for index in self.members.indices where index != origin && isWanted(self.members[index]) {
            let distance = self.members[index].key.distance(to: target)
            if closest.count == Limits.bucketSize, let last = closest.last, last.distance < distance { continue }
            let place = closest.firstIndex { distance < $0.distance } ?? closest.count
            closest.insert((distance, index), at: place)
            if closest.count > Limits.bucketSize { closest.removeLast() }
        }
        return closest.map(\.index)
    }

    // MARK: Chance

    mutating func randomHonest() -> Int? {
        for _ in 0..<1_000 {
            guard let index = self.members.indices.randomElement(using: &self.generator) else { return nil }
            if !self.members[index].isGone, self.members[index].isHonest { return index }
        }
        return nil
    }

    mutating func randomKey() -> [UInt8] {
        (0..<34).map { _ in UInt8.random(in: .min ... .max, using: &self.generator) }
    }
}
