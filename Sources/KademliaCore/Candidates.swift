internal import P2PWire

/// The peers that a lookup has heard of, the closest to its target first; at most `Limits.lookupCandidates`.
///
/// Each is on the path on which it was named first. What asks for "the closest" without naming a path means those of
/// all paths, and of one network group no more than `perGroup`.
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
        let path: Int
        var groups: [NetworkGroup]
        /// Who named it before it was asked; nobody where the searcher knew it.
        var sources: [PeerID]
        var state = State.waiting
    }

    /// What became of the peers that one peer named.
    private struct Credit {
        var answeredCount = 0
        var failedCount = 0

        /// Most peers that the dead are named by are honest and have outdated tables; one whose word was wrong whenever
        /// it was tried invents them.
        var isSpent: Bool { self.failedCount >= Limits.failuresPerSource * (self.answeredCount + 1) }
    }

    private var sorted: [Candidate] = []
    private let perGroup: Int?
    /// Of each path: its candidates, and its requests under way.
    private var counts: [(all: Int, asked: Int)]
    private var credits: [PeerID: Credit] = [:]

    init(paths: Int, perGroup: Int?) {
        self.perGroup = perGroup
        self.counts = Array(repeating: (0, 0), count: paths)
    }

    /// Requests under way.
    var askedCount: Int { self.counts.reduce(0) { $0 + $1.asked } }

    func askedCount(on path: Int) -> Int { self.counts[path].asked }

    /// Takes in a peer that was named, or the further addresses of one that is already waiting. When its path has too
    /// many, the farthest of those on it that were never asked is dropped: nobody's inventions crowd out another path.
    mutating func insert(_ peer: PeerInfo, distance: Distance, path: Int, from source: PeerID? = nil) {
        let index = self.index(of: distance)
        if index < self.sorted.count, self.sorted[index].distance == distance {
            self.sorted[index].merge(peer.addresses, from: source, countsGroups: self.perGroup != nil)
            return
        }
        let candidate = Candidate(
            peer: peer,
            distance: distance,
            path: path,
            groups: self.perGroup == nil ? [] : NetworkGroup.groups(of: peer.addresses),
            sources: source.map { [$0] } ?? []
        )
        self.sorted.insert(candidate, at: index)
        self.counts[path].all += 1
        if self.counts[path].all > Limits.lookupCandidates / self.counts.count,
            let farthest = self.sorted.lastIndex(where: { $0.path == path && $0.state == .waiting })
        {
            self.sorted.remove(at: farthest)
            self.counts[path].all -= 1
        }
    }

    mutating func ask(_ peer: PeerID, round: Int) {
        guard let index = self.sorted.firstIndex(where: { $0.peer.id == peer }) else { return }
        self.sorted[index].state = .asked(round: round)
        self.counts[self.sorted[index].path].asked += 1
    }

    /// `peer`, which has answered, is asked for the peers around it.
    mutating func widen(_ peer: PeerID, round: Int) {
        guard let index = self.sorted.firstIndex(where: { $0.peer.id == peer }) else { return }
        self.sorted[index].state = .widening(round: round)
        self.counts[self.sorted[index].path].asked += 1
    }

    /// A request has ended. Returns its round and path, or nil when `peer` was not being asked. Who answered about the target
    /// keeps its place whatever becomes of the request for the peers around it.
    mutating func settle(_ peer: PeerID, as state: State) -> (round: Int, path: Int)? {
        guard let index = self.sorted.firstIndex(where: { $0.peer.id == peer }) else { return nil }
        let ended: (round: Int, state: State)
        switch self.sorted[index].state {
        case .asked(let round): ended = (round, state)
        case .widening(let round): ended = (round, .widened)
        case .waiting, .answered, .widened, .failed: return nil
        }
        if case .asked = self.sorted[index].state {
            for source in self.sorted[index].sources {
                if state == .failed {
                    self.credits[source, default: Credit()].failedCount += 1
                } else {
                    self.credits[source, default: Credit()].answeredCount += 1
                }
            }
        }
        self.sorted[index].state = ended.state
        let path = self.sorted[index].path
        self.counts[path].asked -= 1
        return (ended.round, path)
    }

    // MARK: One path

    /// Whether the closest `count` on a path that have not failed (or all, when there are fewer) have answered.
    func haveAnswered(closest count: Int, on path: Int) -> Bool {
        self.live(count, on: path).allSatisfy { $0.state.isAnswered }
    }

    /// The closest up to `count` on a path that wait to be asked; those that nobody credible named come in where fewer
    /// than `enough` others are there.
    func closestWaiting(_ count: Int, on path: Int, enough: Int) -> [PeerInfo] {
        let waiting = self.sorted.lazy.filter { $0.path == path && $0.state == .waiting && self.isLive($0) }
            .prefix(max(0, count)).map(\.peer)
        guard waiting.isEmpty else { return Array(waiting) }
        return self.live(enough, on: path).lazy.filter { $0.state == .waiting }.prefix(max(0, count)).map(\.peer)
    }

    /// Those that wait to be asked among the closest `count` on a path that have not failed.
    func waiting(among count: Int, on path: Int) -> [PeerInfo] {
        self.live(count, on: path).filter { $0.state == .waiting }.map(\.peer)
    }

    /// The closest up to `count` on a path that have answered.
    func answered(_ count: Int, on path: Int) -> [PeerInfo] {
        self.sorted.lazy.filter { $0.path == path && $0.state.isAnswered }.prefix(count).map(\.peer)
    }

    // MARK: All paths

    /// Whether the closest `count` that have not failed (or all, when there are fewer) have answered.
    func haveAnswered(closest count: Int) -> Bool {
        self.live(count).allSatisfy { $0.state.isAnswered }
    }

    /// Those that wait to be asked among the closest `count` that have not failed.
    func waiting(among count: Int) -> [PeerInfo] {
        self.live(count).filter { $0.state == .waiting }.map(\.peer)
    }

    /// The closest up to `count` that have answered.
    func answered(_ count: Int) -> [PeerInfo] {
        self.closest(count) { $0.state.isAnswered }.map(\.peer)
    }

    // MARK: Widening

    /// Whether living peers may stand among the closest `count` that nobody has named: some of the places in the
    /// answers went to peers that failed. Answers of fewer than `count` peers hold back nobody.
    func mayHide(among count: Int) -> Bool {
        guard self.sorted.count >= count else { return false }
        // Inventions of a liar took places in its own answers only. Where few others are known, nobody tells them from
        // an outdated table.
        let isScarce = self.closest(count, where: self.isLive).count < count
        var liveCount = 0
        for candidate in self.sorted {
            if candidate.state == .failed, isScarce || !self.isDoubtful(candidate) { return true }
            guard self.isLive(candidate) else { continue }
            liveCount += 1
            if liveCount == count { return false }
        }
        return false
    }

    /// Those among the closest `count` that have answered but were not asked for the peers around them.
    func unwidened(among count: Int) -> [PeerInfo] {
        self.live(count).filter { $0.state == .answered }.map(\.peer)
    }

    /// Whether one of the closest `count` is being asked for the peers around it.
    func isWidening(among count: Int) -> Bool {
        self.live(count).contains {
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

    /// Whether everybody who named it, and none is no one, has no credit left, and it has not answered for itself.
    private func isDoubtful(_ candidate: Candidate) -> Bool {
        switch candidate.state {
        case .waiting, .failed:
            !candidate.sources.isEmpty && candidate.sources.allSatisfy { self.credits[$0]?.isSpent ?? false }
        case .asked, .answered, .widening, .widened:
            false
        }
    }

    private func isLive(_ candidate: Candidate) -> Bool {
        candidate.state != .failed && !self.isDoubtful(candidate)
    }

    /// The closest up to `count` that have not failed: those that somebody credible named, and then the others. In a
    /// small swarm whose peers are mostly gone nobody is credible, and yet somebody may be there.
    private func live(_ count: Int) -> [Candidate] {
        let live = self.closest(count, where: self.isLive)
        guard live.count < count else { return live }
        let doubtful = self.sorted.lazy.filter { $0.state == .waiting && self.isDoubtful($0) }
        return live + Array(doubtful.prefix(count - live.count))
    }

    private func live(_ count: Int, on path: Int) -> [Candidate] {
        let live = Array(self.sorted.lazy.filter { $0.path == path && self.isLive($0) }.prefix(count))
        guard live.count < count else { return live }
        let doubtful = self.sorted.lazy.filter { $0.path == path && $0.state == .waiting && self.isDoubtful($0) }
        return live + Array(doubtful.prefix(count - live.count))
    }

    /// The closest up to `count` in such a state, of no network more than it may have.
    private func closest(_ count: Int, where isWanted: (Candidate) -> Bool) -> [Candidate] {
        var closest: [Candidate] = []
        var taken: [NetworkGroup: Int] = [:]
        for candidate in self.sorted where isWanted(candidate) {
            guard closest.count < count else { break }
            if let limit = self.perGroup, !candidate.groups.isEmpty {
                guard candidate.groups.allSatisfy({ taken[$0, default: 0] < limit }) else { continue }
                for group in candidate.groups { taken[group, default: 0] += 1 }
            }
            closest.append(candidate)
        }
        return closest
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
    fileprivate mutating func merge(_ addresses: [Multiaddr], from source: PeerID?, countsGroups: Bool) {
        guard self.state == .waiting else { return }
        // Who is known without being named needs no witness.
        if let source, !self.sources.isEmpty, !self.sources.contains(source) { self.sources.append(source) }
        let oldCount = self.peer.addresses.count
        for address in addresses where self.peer.addresses.count < Limits.addressesPerPeer {
            if !self.peer.addresses.contains(address) { self.peer.addresses.append(address) }
        }
        guard countsGroups, self.peer.addresses.count > oldCount else { return }
        self.groups = NetworkGroup.groups(of: self.peer.addresses)
    }
}
