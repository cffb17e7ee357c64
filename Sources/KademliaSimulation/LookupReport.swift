internal import P2PWire

/// How lookups went: what they found of the truth, and what they cost.
public struct LookupReport: Sendable {
    /// The size of the network.
    public let nodeCount: Int
    /// Rounds of each lookup: requests that waited for each other.
    public private(set) var rounds: [Int] = []
    /// Requests of each lookup.
    public private(set) var requests: [Int] = []
    /// Lookups that found exactly the k closest, in order.
    public private(set) var exactCount = 0
    /// Lookups whose first result is the closest living node.
    public private(set) var closestFoundCount = 0
    /// Lookups that found every honest node among the k closest living ones.
    public private(set) var honestFoundCount = 0
    /// Lookups that found every living node among the k that would be closest if nobody were gone.
    public private(set) var survivorsFoundCount = 0

    init(nodeCount: Int) {
        self.nodeCount = nodeCount
    }

    mutating func add(
        _ found: [PeerID],
        closest: [PeerID],
        honest: [PeerID],
        survivors: [PeerID],
        rounds: Int,
        requests: Int
    ) {
        self.rounds.append(rounds)
        self.requests.append(requests)
        if found == closest { self.exactCount += 1 }
        if found.first == closest.first { self.closestFoundCount += 1 }
        if Set(honest).isSubset(of: found) { self.honestFoundCount += 1 }
        if Set(survivors).isSubset(of: found) { self.survivorsFoundCount += 1 }
    }

    public var lookupCount: Int { self.rounds.count }
    public var maximumRounds: Int { self.rounds.max() ?? 0 }
    public var meanRounds: Double { Self.mean(self.rounds) }
    public var meanRequests: Double { Self.mean(self.requests) }

    /// The number of rounds that `share` of the lookups did not exceed: 0.5 is the median.
    public func rounds(at share: Double) -> Int { Self.percentile(self.rounds, share) }

    /// The number of requests that `share` of the lookups did not exceed.
    public func requests(at share: Double) -> Int { Self.percentile(self.requests, share) }

    private static func mean(_ values: [Int]) -> Double {
        values.isEmpty ? 0 : Double(values.reduce(0, +)) / Double(values.count)
    }

    private static func percentile(_ values: [Int], _ share: Double) -> Int {
        let sorted = values.sorted()
        return sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
    }
}

/// How announcing and finding providers went.
public struct RecordReport: Sendable {
    /// Records that were announced and then looked for by somebody else.
    public internal(set) var recordCount = 0
    /// Those whose provider was among those found.
    public internal(set) var foundCount = 0
    /// Peers that were named as providers and are none, in all answers that were used.
    public internal(set) var falseCount = 0
    /// The readers' lookups.
    public internal(set) var lookups: LookupReport
}
