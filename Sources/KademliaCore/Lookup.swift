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
        /// k: how many closest peers are wanted.
        package var resultCount = Limits.bucketSize
        /// α: requests under way before convergence.
        package var concurrency = 10
        /// β: answers of the closest candidates that mean convergence.
        package var convergence = 3

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
        case converging, completing, finished
    }

    package let target: KademliaKey
    /// When the search ends whatever has been found.
    package let deadline: NIODeadline
    private let parameters: Parameters
    private let owner: PeerID
    private var phase = Phase.converging
    private var candidates = Candidates()

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
        self.deadline = now + Limits.lookupDuration
        self.add(seeds)
    }

    // MARK: Events

    package mutating func start() -> [Action] {
        self.advance(round: 0)
    }

    /// `peer` answered and named `closer` peers.
    package mutating func answered(_ peer: PeerID, closer: [PeerInfo]) -> [Action] {
        guard self.phase != .finished, let round = self.candidates.settle(peer, as: .answered) else { return [] }
        self.add(closer)
        return self.advance(round: round)
    }

    /// The request to `peer` failed or ran out of time.
    package mutating func failed(_ peer: PeerID) -> [Action] {
        guard self.phase != .finished, let round = self.candidates.settle(peer, as: .failed) else { return [] }
        return self.advance(round: round)
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

    /// What has been heard of one peer, whether it answered or not.
    package func heard(of peer: PeerID) -> (peer: PeerInfo, hasAnswered: Bool)? {
        self.candidates[peer].map { ($0.peer, $0.state == .answered) }
    }

    // MARK: Deciding

    private mutating func add(_ peers: [PeerInfo]) {
        for peer in peers where peer.id != self.owner {
            self.candidates.insert(peer, distance: KademliaKey(peer.id).distance(to: self.target))
        }
    }

    /// Decides what to ask next, after an answer (or failure) of a request of `round`.
    private mutating func advance(round: Int) -> [Action] {
        if self.phase == .converging, self.candidates.haveAnswered(closest: self.parameters.convergence) {
            self.phase = .completing
        }
        if self.candidates.haveAnswered(closest: self.parameters.resultCount) { return self.widen(round: round + 1) }

        let wanted: [PeerInfo]
        switch self.phase {
        case .converging:
            wanted = self.candidates.closestWaiting(self.parameters.concurrency - self.candidates.askedCount)
        case .completing:
            wanted = self.candidates.waiting(among: self.parameters.resultCount)
        case .finished:
            return []
        }
        let allowed = wanted.prefix(Limits.lookupRequests - self.requestCount)
        if allowed.isEmpty, self.candidates.askedCount == 0 { return self.stop() }
        return allowed.map { self.ask($0, round: round + 1) }
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
