internal import P2PWire
internal import ShardProtocol

/// The cheapest chain of candidates that agree with each other.
///
/// Petals' Dijkstra over (peer, block). A chain only ever goes on to later blocks, so the graph has no cycle, and blocks
/// in ascending order are the order in which Dijkstra would settle them. Where a span begins is kept, since its length
/// decides whether its KV-cache has room.
struct ShortestChain {
    private let costs: RouteCost
    private let candidates: [Candidate]
    private let blocks: Range<Int>
    private let stations: [Station]
    /// `[candidate][block - first]`: the cheapest chain through the blocks before, which goes on to the candidate here.
    private var entries: [[Way]]
    /// `[candidate][block - first]`: the cheapest chain through the blocks before, whose last span is the candidate's.
    private var exits: [[Way]]
    /// For each candidate its best entry so far, less what the blocks before it would have cost there: the same one is
    /// best for every end, as long as there is room for its KV-cache.
    private var leads: [Way]

    /// A candidate in numbers.
    private struct Station {
        /// Its blocks that the chain may run.
        var range: Range<Int>
        /// Whether it runs all of them or none: a plain 1.0.0 peer.
        var isWhole: Bool
        var block: Int
        var presence: Int
        var arrival: Int
        var departure: Int
        var room: Int
        /// With chain push, the way from those candidates that push here and announced it, by their index.
        var announced: [Int: Int]
    }

    /// A chain up to some block, ordered by what it costs; fewer hops win among equals.
    private struct Way {
        var cost = Int.max
        var hops = 0
        /// Of an entry: the candidate before, -1 for the coordinator. Of an exit: the block at which the span begins.
        var origin = -1

        var exists: Bool { self.cost != .max }

        static func < (left: Way, right: Way) -> Bool {
            left.cost != right.cost ? left.cost < right.cost : left.hops < right.hops
        }

        func adding(_ cost: Int, origin: Int) -> Way {
            Way(cost: self.cost + cost, hops: self.hops, origin: origin)
        }
    }

    /// - Parameter candidates: in a fixed order, each peer once; the earlier one wins among equals.
    init(_ candidates: [Candidate], through blocks: Range<Int>, costs: RouteCost) {
        self.costs = costs
        self.candidates = candidates
        self.blocks = blocks
        let pings = Self.announcedWays(candidates, costs)
        self.stations = candidates.indices.map { index in
            let candidate = candidates[index]
            let range = candidate.record.range.indices
            let isWhole = !candidate.record.speaksStepExtension
            let isUsable = isWhole ? range.clamped(to: blocks) == range : true
            return Station(
                range: isUsable ? range.clamped(to: blocks) : 0..<0,
                isWhole: isWhole,
                block: costs.block(on: candidate),
                presence: costs.presence(of: candidate),
                arrival: costs.arrival(at: candidate),
                departure: costs.departure(from: candidate),
                room: costs.room(on: candidate),
                announced: pings[index]
            )
        }
        let none = [Way](repeating: Way(), count: blocks.count + 1)
        self.entries = candidates.map { _ in none }
        self.exits = self.entries
        self.leads = candidates.map { _ in Way() }
    }

    /// For each candidate the ways to it that others announced who push to it.
    private static func announcedWays(_ candidates: [Candidate], _ costs: RouteCost) -> [[Int: Int]] {
        var ways = [[Int: Int]](repeating: [:], count: candidates.count)
        guard costs.routing == .push else { return ways }
        let indices = Dictionary(candidates.enumerated().map { ($1.peer, $0) }) { first, _ in first }
        for (index, candidate) in candidates.enumerated() {
            for peer in candidate.record.neighbourPings.keys {
                guard let next = indices[peer] else { continue }
                ways[next][index] = costs.announcedDistance(to: candidates[next], from: candidate)
            }
        }
        return ways
    }

    /// - Returns: the hops and what they cost; nil when the candidates hold too little.
    mutating func solve() -> (cost: Int, hops: [Hop])? {
        for block in self.blocks {
            let open = self.openExits(before: block)
            for index in self.stations.indices where self.mayEnter(index, at: block) {
                self.enter(index, at: block, after: open)
            }
            for index in self.stations.indices {
                self.exits[index][block + 1 - self.blocks.lowerBound] = self.exit(from: index, before: block + 1)
            }
        }
        var best: (way: Way, index: Int)?
        for index in self.stations.indices {
            var way = self.exits[index][self.blocks.count]
            guard way.exists else { continue }
            way.cost += self.stations[index].departure
            if best.map({ way < $0.way }) ?? true { best = (way, index) }
        }
        return best.map { ($0.way.cost, self.hops(endingOn: $0.index)) }
    }

    private func mayEnter(_ index: Int, at block: Int) -> Bool {
        let station = self.stations[index]
        return station.isWhole && !station.range.isEmpty
            ? block == station.range.lowerBound : station.range.contains(block)
    }

    /// The candidates whose span may end before `block`, with what the way back from them costs: the cheapest first, and of
    /// a star no more than are looked at.
    private func openExits(before block: Int) -> [Int] {
        let ways = self.stations.indices.map { index in
            let exit = self.exits[index][block - self.blocks.lowerBound]
            return exit.exists ? exit.adding(self.stations[index].departure, origin: index) : exit
        }
        let exits = self.stations.indices.filter { ways[$0].exists }
        func precedes(_ left: Int, _ right: Int) -> Bool {
            ways[left] < ways[right] || !(ways[right] < ways[left]) && left < right
        }
        guard self.costs.routing == .star else { return exits.sorted(by: precedes) }
        guard let first = exits.min(by: precedes) else { return [] }
        return [first] + (exits.filter { $0 != first }.min(by: precedes).map { [$0] } ?? [])
    }

    private mutating func enter(_ index: Int, at block: Int, after open: [Int]) {
        let entry = self.entry(to: index, at: block, after: open)
        guard entry.exists else { return }
        self.entries[index][block - self.blocks.lowerBound] = entry
        let lead = entry.adding(-(block * self.stations[index].block), origin: block)
        if lead < self.leads[index] { self.leads[index] = lead }
    }

    private func entry(to index: Int, at block: Int, after open: [Int]) -> Way {
        let station = self.stations[index]
        guard block > self.blocks.lowerBound else { return Way(cost: station.arrival + station.presence, hops: 1) }
        var best = Way()
        func consider(_ previous: Int, _ distance: Int) {
            let exit = self.exits[previous][block - self.blocks.lowerBound]
            guard exit.exists else { return }
            var way = exit.adding(distance + station.presence, origin: previous)
            way.hops += 1
            if way < best || !(best < way) && previous < best.origin { best = way }
        }
        // Of those who announced nothing, the cheapest with its way back stands for all.
        if let previous = open.first(where: { $0 != index && station.announced[$0] == nil }) {
            consider(previous, self.stations[previous].departure + station.arrival)
        }
        for (previous, distance) in station.announced where previous != index { consider(previous, distance) }
        return best
    }

    private func exit(from index: Int, before block: Int) -> Way {
        let station = self.stations[index]
        guard station.range.lowerBound < block, block <= station.range.upperBound,
            !station.isWhole || block == station.range.upperBound
        else { return Way() }
        if station.room >= station.range.count {
            let lead = self.leads[index]
            return lead.exists ? lead.adding(block * station.block, origin: lead.origin) : lead
        }
        var best = Way()
        for start in station.range.lowerBound..<(station.isWhole ? station.range.lowerBound + 1 : block) {
            let entry = self.entries[index][start - self.blocks.lowerBound]
            guard entry.exists else { continue }
            let length = block - start
            let penalty = length > station.room ? RouteCost.noRoom : 0
            let way = entry.adding(length * station.block + penalty, origin: start)
            if way < best { best = way }
        }
        return best
    }

    private func hops(endingOn last: Int) -> [Hop] {
        var hops: [Hop] = []
        var (index, end) = (last, self.blocks.upperBound)
        while index >= 0 {
            let start = self.exits[index][end - self.blocks.lowerBound].origin
            if let span = try? BlockRange(start, end) {
                hops.append(Hop(peer: self.candidates[index].peer, blocks: span))
            }
            index = self.entries[index][start - self.blocks.lowerBound].origin
            end = start
        }
        return hops.reversed()
    }
}
