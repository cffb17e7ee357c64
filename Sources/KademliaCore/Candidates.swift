internal import P2PWire

/// The peers that a lookup has heard of, the closest to its target first; at most `Limits.lookupCandidates`.
struct Candidates: Sendable {
    enum State: Equatable {
        /// Heard of, not asked yet.
        case waiting
        /// Asked, in that round.
        case asked(round: Int)
        case answered
        /// Answered, and asked in that round for the peers around it.
        case widening(round: Int)
        /// Answered, and that second request has ended too.
        case widened
        case failed

        var isAnswered: Bool {
            switch self {
            case .answered, .widening, .widened: true
            case .waiting, .asked, .failed: false
            }
        }
    }

    struct Candidate: Sendable {
        var peer: PeerInfo
        let distance: Distance
        var state = State.waiting
    }

    private var sorted: [Candidate] = []
    /// Requests under way.
    private(set) var askedCount = 0

    /// Takes in a peer that was named, or the further addresses of one that is already waiting. When there are too
    /// many, the farthest of those never asked is dropped.
    mutating func insert(_ peer: PeerInfo, distance: Distance) {
        let index = self.index(of: distance)
        if index < self.sorted.count, self.sorted[index].distance == distance {
            self.sorted[index].merge(peer.addresses)
            return
        }
        guard index < Limits.lookupCandidates else { return }
        self.sorted.insert(Candidate(peer: peer, distance: distance), at: index)
        if self.sorted.count > Limits.lookupCandidates,
            let farthest = self.sorted.lastIndex(where: { $0.state == .waiting })
        {
            self.sorted.remove(at: farthest)
        }
    }

    mutating func ask(_ peer: PeerID, round: Int) {
        guard let index = self.sorted.firstIndex(where: { $0.peer.id == peer }) else { return }
        self.sorted[index].state = .asked(round: round)
        self.askedCount += 1
    }

    /// `peer`, which has answered, is asked for the peers around it.
    mutating func widen(_ peer: PeerID, round: Int) {
        guard let index = self.sorted.firstIndex(where: { $0.peer.id == peer }) else { return }
        self.sorted[index].state = .widening(round: round)
        self.askedCount += 1
    }

    /// A request has ended. Returns its round, or nil when `peer` was not being asked. Who answered about the target
    /// keeps its place whatever becomes of the request for the peers around it.
    mutating func settle(_ peer: PeerID, as state: State) -> Int? {
        guard let index = self.sorted.firstIndex(where: { $0.peer.id == peer }) else { return nil }
        let ended: (round: Int, state: State)
        switch self.sorted[index].state {
        case .asked(let round): ended = (round, state)
        case .widening(let round): ended = (round, .widened)
        case .waiting, .answered, .widened, .failed: return nil
        }
        self.sorted[index].state = ended.state
        self.askedCount -= 1
        return ended.round
    }

    /// Whether the closest `count` that have not failed (or all, when there are fewer) have answered.
    func haveAnswered(closest count: Int) -> Bool {
        self.live.prefix(count).allSatisfy { $0.state.isAnswered }
    }

    /// The closest up to `count` that wait to be asked.
    func closestWaiting(_ count: Int) -> [PeerInfo] {
        self.sorted.lazy.filter { $0.state == .waiting }.prefix(max(0, count)).map(\.peer)
    }

    /// Those that wait to be asked among the closest `count` that have not failed.
    func waiting(among count: Int) -> [PeerInfo] {
        self.live.prefix(count).filter { $0.state == .waiting }.map(\.peer)
    }

    /// The closest up to `count` that have answered.
    func answered(_ count: Int) -> [PeerInfo] {
        self.sorted.lazy.filter { $0.state.isAnswered }.prefix(count).map(\.peer)
    }

    // MARK: Widening

    /// Whether living peers may stand among the closest `count` that nobody has named: some of the places in the
    /// answers went to peers that failed. Answers of fewer than `count` peers hold back nobody.
    func mayHide(among count: Int) -> Bool {
        guard self.sorted.count >= count else { return false }
        var liveCount = 0
        for candidate in self.sorted {
            if candidate.state == .failed { return true }
            liveCount += 1
            if liveCount == count { return false }
        }
        return false
    }

    /// Those among the closest `count` that have answered but were not asked for the peers around them.
    func unwidened(among count: Int) -> [PeerInfo] {
        self.live.prefix(count).filter { $0.state == .answered }.map(\.peer)
    }

    /// Whether one of the closest `count` is being asked for the peers around it.
    func isWidening(among count: Int) -> Bool {
        self.live.prefix(count).contains {
            if case .widening = $0.state { true } else { false }
        }
    }

    /// The candidate closest to `peer` itself, living or not.
    func neighbour(of peer: PeerID) -> PeerID? {
        guard let distance = self[peer]?.distance else { return nil }
        return self.sorted.lazy.filter { $0.peer.id != peer }
            .min { $0.distance.difference(from: distance) < $1.distance.difference(from: distance) }?
            .peer.id
    }

    subscript(peer: PeerID) -> Candidate? {
        self.sorted.first { $0.peer.id == peer }
    }

    private var live: some Sequence<Candidate> {
        self.sorted.lazy.filter { $0.state != .failed }
    }

    /// Where `distance` stands or would be inserted.
    private func index(of distance: Distance) -> Int {
        var low = 0
        var high = self.sorted.count
        while low < high {
            let middle = (low + high) / 2
            if self.sorted[middle].distance < distance { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension Candidates.Candidate {
    /// Different peers may know different addresses, and a liar could name wrong ones first.
    fileprivate mutating func merge(_ addresses: [Multiaddr]) {
        guard self.state == .waiting else { return }
        for address in addresses where self.peer.addresses.count < Limits.addressesPerPeer {
            if !self.peer.addresses.contains(address) { self.peer.addresses.append(address) }
        }
    }
}
