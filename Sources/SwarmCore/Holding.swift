package import P2PWire
package import ShardProtocol

/// Blocks that a peer serves, and what it adds to each of them.
package struct Holding: Hashable, Sendable {
    package var peer: PeerID
    package var blocks: BlockRange
    /// Thousandths of a token a second that get through all of `blocks`: whole numbers, so that every peer sums alike.
    package var throughput: Int

    package init(peer: PeerID, blocks: BlockRange, throughput: Int) {
        self.peer = peer
        self.blocks = blocks
        self.throughput = min(max(throughput, 0), Self.highestThroughput)
    }

    /// What a node record promises.
    ///
    /// - Parameter blocksPerSecond: as announced; a peer that has not measured itself counts for a little, so that its
    ///   blocks are not taken to be without anybody.
    package init(peer: PeerID, blocks: BlockRange, blocksPerSecond: Double) {
        let speed = blocksPerSecond > 0 ? blocksPerSecond : Self.unmeasuredSpeed
        let throughput = max(1000 * speed / Double(blocks.count), 1)
        self.init(peer: peer, blocks: blocks, throughput: Int(min(throughput, Double(Self.highestThroughput))))
    }

    /// A lie beyond it gains nothing, and no sum of `Limits.holdings` overflows.
    static let highestThroughput = 1_000_000_000
    /// Blocks per second of a peer that is still loading.
    static let unmeasuredSpeed = 50.0
}

/// How many tokens a second a swarm gets through each block of a model, in thousandths.
struct BlockThroughputs: Equatable {
    private(set) var values: [Int]

    init(_ holdings: [Holding], blockCount: Int) {
        self.values = [Int](repeating: 0, count: blockCount)
        for holding in holdings { self.add(holding.throughput, to: holding.blocks) }
    }

    /// The block that holds everybody up; 0 where one has no holder.
    var minimum: Int { self.values.min() ?? 0 }

    mutating func add(_ throughput: Int, to blocks: BlockRange) {
        for block in blocks.indices.clamped(to: self.values.indices) { self.values[block] += throughput }
    }

    /// The throughputs of a span, the weakest first.
    func sorted(_ blocks: BlockRange) -> [Int] {
        self.values[blocks.indices.clamped(to: self.values.indices)].sorted()
    }
}
