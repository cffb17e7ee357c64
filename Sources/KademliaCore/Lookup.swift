package import NIOCore
package import P2PWire

/// One iterative search for the k peers closest to a point (Kademlia §2.3; libp2p specification, kad-dht, "Peer
/// routing").
///
/// FIND_NODE, GET_PROVIDERS and GET_VALUE all run on it: they differ in what else an answer carries, which their
/// callers collect. As in go-libp2p the search has two parts. It first asks the closest candidates it has heard of, α
/// at a time, until the β closest have answered: then it has converged. It then asks all of the k closest at once that
/// it has not asked yet, until each of the k closest live candidates has answered.
///
/// The first part runs on d paths (S/Kademlia §4.4), which share the seeds out among them: each peer is asked on one
/// path only, and who it names belongs to that path. One liar misleads one path. A peer whose word for others was wrong
/// whenever it was tried is not believed any more, so that inventions cost little. Of one network group only few
/// count among the closest.
///
/// Then it is done, unless one failed that would have been among them. Peers that are gone take places in the answers,
/// so that nobody may have named the living ones that come next. A third part finds those: each of the k closest is
/// asked for the peers around itself. It is sent a FIND_NODE for the candidate nearest to it, not for its own id, to
/// which go-libp2p may answer with nothing but itself. Whoever that brings among the k closest is asked too, both
/// questions, until each of the k closest has been. That costs a lookup that meets no failures nothing, and any other
/// at most `Limits.wideningRequests`.
///
/// Simulated with 1,000 and with 10,000 nodes it finds exactly the k closest living peers right after a fifth of all
/// vanished, in at most log₂(n) + 2 rounds; with 60 to 300 nodes in up to 11.
package struct Lookup: Sendable {
    package struct Parameters: Sendable {
        /// How long it may take.
        package var duration = Limits.lookupDuration
        /// k: how many closest peers are wanted.
        package var resultCount = Limits.bucketSize
        /// α: requests under way before convergence.
        package var concurrency = 10
        /// β: answers of the closest candidates of a path that mean its convergence.
        package var convergence = 3
        /// d: paths that have no peer in common.
        package var paths = Limits.lookupPaths
        /// Of one network group at most so many of the closest are settled on; nil: any number.
        package var perGroup: Int? = Limits.groupMembersPerLookup

        package init() {}
    }

    package enum Action: Equatable, Sendable {
        /// Ask this peer, and report `answered` or `failed`.
        case ask(PeerInfo)
        /// Send this peer a FIND_NODE for the id of `neighbour`, whatever the search asks for, and report `answered` or
        /// `failed`.
        case widen(PeerInfo, neighbour: PeerID)
        /// The search is over, answers to requests under way are of no more use.
        case finish
    }

    private enum Phase: Equatable {
        /// These paths still look for their closest.
        case converging(Set<Int>)
        case completing, finished
    }

    package let target: KademliaKey
    /// When the search ends whatever has been found.
    package let deadline: NIODeadline
    private let parameters: Parameters
    private let owner: PeerID
    private var phase: Phase
    private var candidates: Candidates

    /// The number of rounds: the longest chain of requests of which each waited for the one before.
    package private(set) var rounds = 0
    /// The number of requests sent.
    package private(set) var requestCount = 0
    /// Those of them that widened it.
    package private(set) var wideningCount = 0

    /// - Parameters:
    ///   - owner: who searches; never asked.
    ///   - seeds: the closest peers that the owner knows.
    package init(
        target: KademliaKey,
        owner: PeerID,
        seeds: [PeerInfo],
        parameters: Parameters = Parameters(),
        now: NIODeadline
    ) {
        self.target = target
        self.owner = owner
        self.parameters = parameters
        self.deadline = now + parameters.duration
        self.candidates = Candidates(paths: parameters.paths, perGroup: parameters.perGroup)
        self.phase = .converging(Set(0..<parameters.paths))
        for (index, seed) in seeds.enumerated() { self.add([seed], to: index % parameters.paths) }
    }

    // MARK: Events

    package mutating func start() -> [Action] {
        self.advance(round: 0)
    }

    /// `peer` answered and named `closer` peers.
    package mutating func answered(_ peer: PeerID, closer: [PeerInfo]) -> [Action] {
        guard self.phase != .finished, let ended = self.candidates.settle(peer, as: .answered) else { return [] }
        self.add(closer.prefix(Limits.peersPerAnswer), to: ended.path, from: peer)
        return self.advance(round: ended.round)
    }

    /// The request to `peer` failed or ran out of time.
    package mutating func failed(_ peer: PeerID) -> [Action] {
        guard self.phase != .finished, let ended = self.candidates.settle(peer, as: .failed) else { return [] }
        return self.advance(round: ended.round)
    }

    /// `deadline` has passed, or the caller has found what it wanted.
    package mutating func stop() -> [Action] {
        guard self.phase != .finished else { return [] }
        self.phase = .finished
        return [.finish]
    }

    // MARK: Results

    /// The closest peers that answered, the closest first; at most k.
    package var closest: [PeerInfo] {
        self.candidates.answered(self.parameters.resultCount)
    }

    /// The peers to give a record to: the closest, and of each path those that it found itself, where they are others.
    ///
    /// Somebody who runs many peers with chosen ids can be closer to a key than anybody else, and then only a path that
    /// met none of them has found the honest ones.
    package var holders: [PeerInfo] {
        var holders = self.closest
        guard self.parameters.paths > 1 else { return holders }
        for path in 0..<self.parameters.paths {
            for peer in self.candidates.answered(self.pathShare, on: path) where !holders.contains(peer) {
                holders.append(peer)
            }
        }
        return holders
    }

    /// Of the k results, those that each path answers for.
    private var pathShare: Int {
        (self.parameters.resultCount + self.parameters.paths - 1) / self.parameters.paths
    }

    /// What has been heard of one peer, whether it answered or not.
    package func heard(of peer: PeerID) -> (peer: PeerInfo, hasAnswered: Bool)? {
        self.candidates[peer].map { ($0.peer, $0.state == .answered) }
    }

    // MARK: Deciding

    private mutating func add(_ peers: some Sequence<PeerInfo>, to path: Int, from source: PeerID? = nil) {
        for peer in peers where peer.id != self.owner {
            let distance = KademliaKey(peer.id).distance(to: self.target)
            self.candidates.insert(peer, distance: distance, path: path, from: source)
        }
    }

    /// Decides what to ask next, after an answer (or failure) of a request of `round`.
    private mutating func advance(round: Int) -> [Action] {
        if case .converging(let paths) = self.phase {
            let lost = paths.filter { !self.candidates.haveAnswered(closest: self.parameters.convergence, on: $0) }
            self.phase = lost.isEmpty ? .completing : .converging(lost)
        }
        let wanted: [PeerInfo]
        switch self.phase {
        case .converging(let paths):
            wanted = paths.sorted().flatMap { self.nextWaiting(on: $0) }
        case .completing:
            let paths = 0..<self.parameters.paths
            let share = self.pathShare
            if self.candidates.haveAnswered(closest: self.parameters.resultCount),
                paths.allSatisfy({ self.candidates.haveAnswered(closest: share, on: $0) })
            {
                return self.widen(round: round + 1)
            }
            let closest = self.candidates.waiting(among: self.parameters.resultCount)
            let others = paths.flatMap { self.candidates.waiting(among: share, on: $0) }
            wanted = closest + others.filter { !closest.contains($0) }
        case .finished:
            return []
        }
        let allowed = wanted.prefix(Limits.lookupRequests - self.requestCount)
        if allowed.isEmpty, self.candidates.askedCount == 0 { return self.stop() }
        return allowed.map { self.ask($0, round: round + 1) }
    }

    /// Whom to ask on a path that has not converged: α is shared by all of them.
    private func nextWaiting(on path: Int) -> [PeerInfo] {
        let share = (self.parameters.concurrency + self.parameters.paths - 1) / self.parameters.paths
        let count = share - self.candidates.askedCount(on: path)
        return self.candidates.closestWaiting(count, on: path, enough: self.parameters.convergence)
    }

    /// The k closest have answered: asks them in `round` for the peers around them, or finishes.
    private mutating func widen(round: Int) -> [Action] {
        let count = self.parameters.resultCount
        guard self.candidates.mayHide(among: count) else { return self.stop() }
        let allowance = min(Limits.lookupRequests - self.requestCount, Limits.wideningRequests - self.wideningCount)
        let actions = self.candidates.unwidened(among: count).prefix(allowance).compactMap { peer -> Action? in
            guard let neighbour = self.candidates.neighbour(of: peer.id) else { return nil }
            return .widen(peer, neighbour: neighbour)
        }
        for case .widen(let peer, _) in actions { self.candidates.widen(peer.id, round: round) }
        guard self.candidates.isWidening(among: count) else { return self.stop() }
        self.wideningCount += actions.count
        self.requestCount += actions.count
        if !actions.isEmpty { self.rounds = max(self.rounds, round) }
        return actions
    }

    private mutating func ask(_ peer: PeerInfo, round: Int) -> Action {
        self.candidates.ask(peer.id, round: round)
        self.requestCount += 1
        self.rounds = max(self.rounds, round)
        return .ask(peer)
    }
}
