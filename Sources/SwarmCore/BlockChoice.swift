internal import P2PWire
package import ShardProtocol

/// Which blocks a swarm needs most: `serve --blocks auto` (`specs/swarm.md` §1).
///
/// Petals' rule: of the spans that a peer can hold, the one whose throughputs, sorted, come first lexicographically, which
/// fills the weakest place first; among equals the one that begins first.
package struct BlockChoice: Sendable {
    package var blockCount: Int
    /// What this peer can hold: the longest span from each block on for which it has memory. Never empty.
    package var spans: [BlockRange]

    package init(blockCount: Int, spans: [BlockRange]) {
        self.blockCount = blockCount
        self.spans = spans
    }

    /// The span that adds most to what the others hold; nil without any span.
    package func best(beside others: [Holding]) -> BlockRange? {
        Self.best(of: self.spans, beside: BlockThroughputs(others, blockCount: self.blockCount))
    }

    static func best(of spans: [BlockRange], beside throughputs: BlockThroughputs) -> BlockRange? {
        var best: (span: BlockRange, throughputs: [Int])?
        for span in spans {
            let sorted = throughputs.sorted(span)
            guard let known = best else {
                best = (span, sorted)
                continue
            }
            if Self.isNeededMore(span, sorted, than: known.span, known.throughputs) { best = (span, sorted) }
        }
        return best?.span
    }

    /// Of two spans that are alike as far as the shorter goes, the longer helps more.
    private static func isNeededMore(
        _ left: BlockRange,
        _ leftThroughputs: [Int],
        than right: BlockRange,
        _ rightThroughputs: [Int]
    ) -> Bool {
        for (a, b) in zip(leftThroughputs, rightThroughputs) where a != b { return a < b }
        return left.count != right.count ? left.count > right.count : left.lowerBound < right.lowerBound
    }
}

// MARK: - Peers that start together

/// A peer that has announced which blocks it is going to load.
package struct Joiner: Hashable, Sendable {
    package var holding: Holding
    /// Whether it serves already, so that it will not move for anybody who starts now.
    package var isOnline: Bool

    package init(_ holding: Holding, isOnline: Bool) {
        self.holding = holding
        self.isOnline = isOnline
    }
}

extension BlockChoice {
    /// What this peer is to load, once its first choice has been announced and it has looked again.
    ///
    /// Peers that start together choose alike, because none sees the others. Whoever finds a newcomer's blocks among its
    /// own gives way if the newcomer is online or has the smaller id, and chooses again as if the newcomers before it had
    /// done so already. So each has to move once at most, and all that see the same come to different choices. Whom it saw
    /// the first time it has chosen beside already.
    ///
    /// - Parameters:
    ///   - own: this peer with its first choice.
    ///   - others: everybody else, as announced now.
    ///   - seen: everybody else as announced when it chose.
    package func settled(_ own: Holding, among others: [Joiner], after seen: [Joiner]) -> BlockRange {
        let chosenBeside = Dictionary(seen.map { ($0.holding.peer, $0.holding.blocks) }) { _, latest in latest }
        let others = others.filter { $0.holding.peer != own.peer }
        let known = others.filter { chosenBeside[$0.holding.peer] == $0.holding.blocks }.map(\.holding)
        var newcomers = others.filter { chosenBeside[$0.holding.peer] != $0.holding.blocks }
            .sorted { $0.holding.peer < $1.holding.peer }
        for index in newcomers.indices where !newcomers[index].isOnline && newcomers[index].holding.peer < own.peer {
            let joiner = newcomers[index].holding
            let rest = newcomers.filter { $0.holding.peer != joiner.peer } + [Joiner(own, isOnline: false)]
            // What another can hold is not known; spans as long as the one it announced are a fair guess.
            let spans = Self.spans(of: joiner.blocks.count, in: self.blockCount)
            newcomers[index].holding.blocks = self.next(for: joiner, among: rest, beside: known, spans: spans)
        }
        return self.next(for: own, among: newcomers, beside: known, spans: self.spans)
    }

    /// Stays, unless a newcomer who goes first has some of the same blocks.
    private func next(
        for own: Holding,
        among newcomers: [Joiner],
        beside known: [Holding],
        spans: [BlockRange]
    ) -> BlockRange {
        let givesWay = newcomers.contains { other in
            other.holding.blocks.overlaps(own.blocks) && (other.isOnline || other.holding.peer < own.peer)
        }
        guard givesWay else { return own.blocks }
        let throughputs = BlockThroughputs(newcomers.map(\.holding) + known, blockCount: self.blockCount)
        guard let best = Self.best(of: spans, beside: throughputs) else { return own.blocks }
        // Among equals it stays: nobody gains by the move.
        return throughputs.sorted(best) == throughputs.sorted(own.blocks) ? own.blocks : best
    }

    /// All spans of so many blocks.
    static func spans(of count: Int, in blockCount: Int) -> [BlockRange] {
        guard count <= blockCount else { return [] }
        return (0...blockCount - count).compactMap { try? BlockRange($0, $0 + count) }
    }
}
