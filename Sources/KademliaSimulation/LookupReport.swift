internal import P2PWire

/// How lookups went: how many found exactly the k closest living nodes, and what they cost.
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
    /// Lookups that found every living node among the k that would be closest if nobody were gone.
    public private(set) var survivorsFoundCount = 0

    init(nodeCount: Int) {
        self.nodeCount = nodeCount
    }

    mutating func add(_ found: [PeerID], closest: [PeerID], survivors: [PeerID], rounds: Int, requests: Int) {
        self.rounds.append(rounds)
        self.requests.append(requests)
        if found == closest { self.exactCount += 1 }
        if found.first == closest.first { self.closestFoundCount += 1 }
        if Set(survivors).isSubset(of: found) { self.survivorsFoundCount += 1 }
    }

    public var lookupCount: Int { self.rounds.count }
    public var maximumRounds: Int { self.rounds.max() ?? 0 }
    public var meanRounds: Double { Self.mean(self.rounds) }
    public var meanRequests: Double { Self.mean(self.requests) }

    private static func mean(_ values: [Int]) -> Double {
        values.isEmpty ? 0 : Double(values.reduce(0, +)) / Double(values.count)
    }
}
