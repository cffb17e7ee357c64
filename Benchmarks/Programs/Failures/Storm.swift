import Swarm

/// What happens to a peer, all of it from outside.
enum Fault: Hashable, CaseIterable {
    /// Its connections are reset; whoever dials it anew finds it as it was.
    case reset
    /// They are reset, and whoever dials it anew finds that it has lost every session.
    case forgotten
    /// They are reset, and it cannot be dialled until another peer of its blocks is struck.
    case gone
}

/// Strikes the peers of a chain by a seed.
struct Storm {
    /// Since the last ``clear()``.
    private(set) var strikes: [Fault: Int] = [:]
    /// The peers that run the sequence now.
    private var chain: [String] = []
    private var numbers: SeededNumbers
    private let servers: [Guarded]
    private let hops: Int
    /// Which of its processes each peer is just now.
    private var twins: [Int]
    private var lastToken = ContinuousClock.now

    /// - Parameter servers: the peers of `hops` ranges, then those of the same ranges once more.
    init(seed: UInt64, over servers: [Guarded], hops: Int) {
        (self.numbers, self.servers, self.hops) = (SeededNumbers(seed: seed), servers, hops)
        self.twins = [Int](repeating: 0, count: servers.count)
    }

    mutating func began(over chain: [String]) {
        (self.chain, self.lastToken) = (chain, .now)
    }

    mutating func recovered(from lost: String, to others: [String]) {
        guard let index = self.chain.firstIndex(of: lost) else { return }
        self.chain.replaceSubrange(index...index, with: others)
    }

    /// Everybody is as at the beginning.
    mutating func clear() {
        self.strikes = [:]
        self.twins = [Int](repeating: 0, count: self.servers.count)
        for index in self.servers.indices { self.servers[index].lead(to: self.twins[index]) }
    }

    /// A token came: strikes each peer with that probability, at any moment of the next one.
    mutating func drew(_ probability: Double) {
        let took = ContinuousClock.now - self.lastToken
        self.lastToken = .now
        for name in self.chain {
            guard Double.random(in: 0..<1, using: &self.numbers) < probability else { continue }
            guard let index = self.servers.firstIndex(where: { $0.name == name }) else { continue }
            let fault = Fault.allCases[Int.random(in: 0..<Fault.allCases.count, using: &self.numbers)]
            self.strike(index, fault, after: took * Double.random(in: 0..<1, using: &self.numbers))
        }
    }

    private mutating func strike(_ index: Int, _ fault: Fault, after delay: Duration) {
        self.strikes[fault, default: 0] += 1
        // The other one of its blocks is there.
        let spare = (index + self.hops) % self.servers.count
        self.servers[spare].lead(to: self.twins[spare])
        switch fault {
        case .reset: break
        case .forgotten:
            self.twins[index] += 1
            self.servers[index].lead(to: self.twins[index])
        case .gone: self.servers[index].proxy.lead(to: nil)
        }
        self.servers[index].proxy.reset(after: delay)
    }
}

/// SplitMix64.
private struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { self.state = seed }

    mutating func next() -> UInt64 {
        self.state &+= 0x9e37_79b9_7f4a_7c15
        var number = self.state
        number = (number ^ number >> 30) &* 0xbf58_476d_1ce4_e5b9
        number = (number ^ number >> 27) &* 0x94d0_49bb_1331_11eb
        return number ^ number >> 31
    }
}
