internal import P2PWire
package import ShardProtocol

/// Whether a peer should serve other blocks than it does (`specs/swarm.md` §1).
///
/// Petals' rule: take yourself away, and stay if a block would be without anybody; make your best move, then let everybody
/// move until nobody gains; go only if the weakest block gets a third faster by that. What everybody else may move is a
/// forecast: it says whether the gain will last, or whether others will bring it about without you.
package struct Rebalancing: Sendable {
    package var choice: BlockChoice

    package init(choice: BlockChoice) {
        self.choice = choice
    }

    /// When to look again: a random while, so that not everybody moves for the same gap.
    package static func pause(upTo longest: Duration, using random: inout some RandomNumberGenerator) -> Duration {
        .nanoseconds(Int.random(in: 0...max(longest.wholeNanoseconds, 0), using: &random))
    }

    /// Where this peer should go.
    ///
    /// - Parameters:
    ///   - own: this peer, and what it serves.
    ///   - others: everybody else who is online or joining; of more than `Limits.holdings` the first by id.
    /// - Returns: another span; nil to stay.
    package func move(_ own: Holding, among others: [Holding]) -> BlockRange? {
        let blockCount = self.choice.blockCount
        let others = Array(others.filter { $0.peer != own.peer }.sorted { $0.peer < $1.peer }.prefix(Limits.holdings))
        let before = BlockThroughputs(others + [own], blockCount: blockCount)
        let without = BlockThroughputs(others, blockCount: blockCount)
        guard own.blocks.indices.clamped(to: 0..<blockCount).allSatisfy({ without.values[$0] > 0 }),
            let best = BlockChoice.best(of: self.choice.spans, beside: without), best != own.blocks
        else { return nil }
        var moved = own
        moved.blocks = best
        var after = without
        after.add(moved.throughput, to: best)
        // Already the first move must not make anything worse: the others' may never come.
        guard after.minimum >= before.minimum else { return nil }
        let settled = Self.fixedPoint(others + [moved], blockCount: blockCount)
        let forecast = BlockThroughputs(settled.holdings, blockCount: blockCount).minimum
        return Self.isWorthwhile(from: before.minimum, to: forecast) ? best : nil
    }

    /// Whether old / new is below 0.75.
    private static func isWorthwhile(from old: Int, to new: Int) -> Bool {
        new > 0 && 4 * old < 3 * new
    }

    /// Lets each peer in turn, by id, move to where it is needed most, until none does.
    ///
    /// It ends: each move makes the sorted throughputs of all blocks lexicographically greater, or leaves them alike and
    /// begins earlier. The bound is for swarms that would take long.
    static func fixedPoint(_ holdings: [Holding], blockCount: Int) -> (holdings: [Holding], rounds: Int) {
        var holdings = holdings.sorted { $0.peer < $1.peer }
        var throughputs = BlockThroughputs(holdings, blockCount: blockCount)
        for round in 0..<Limits.rebalancingRounds {
            var hasMoved = false
            for index in holdings.indices {
                let holding = holdings[index]
                throughputs.add(-holding.throughput, to: holding.blocks)
                let spans = BlockChoice.spans(of: holding.blocks.count, in: blockCount)
                if let best = BlockChoice.best(of: spans, beside: throughputs), best != holding.blocks {
                    holdings[index].blocks = best
                    hasMoved = true
                }
                throughputs.add(holding.throughput, to: holdings[index].blocks)
            }
            if !hasMoved { return (holdings, round) }
        }
        return (holdings, Limits.rebalancingRounds)
    }
}
