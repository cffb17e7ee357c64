import P2PWire
import ShardProtocol
import Testing

@testable import SwarmCore

@Suite struct BlockChoiceTests {
    private func holding(_ peer: PeerID, _ blocks: (Int, Int), _ throughput: Int = 1000) throws -> Holding {
        Holding(peer: peer, blocks: try BlockRange(blocks.0, blocks.1), throughput: throughput)
    }

    private func choice(of count: Int, in blockCount: Int) -> BlockChoice {
        BlockChoice(blockCount: blockCount, spans: BlockChoice.spans(of: count, in: blockCount))
    }

    @Test func `an empty swarm is begun at its first block`() throws {
        #expect(self.choice(of: 4, in: 12).best(beside: []) == (try BlockRange(0, 4)))
    }

    @Test func `the weakest blocks are filled first, then the next weakest`() throws {
        let peers = try Samples.peers(3)
        let choice = self.choice(of: 4, in: 12)
        let others = [
            try self.holding(peers[0], (0, 5)), try self.holding(peers[1], (7, 12)),
            try self.holding(peers[2], (8, 12), 500),
        ]
        // 5 and 6 have nobody; of the spans with both, 3..7 and 4..8 go on with two of 1000, 5..9 with one of 1500.
        #expect(choice.best(beside: others) == (try BlockRange(3, 7)))
        #expect(choice.best(beside: Array(others.prefix(1))) == (try BlockRange(5, 9)))
    }

    @Test func `of spans of different lengths the longer wins where it is no worse`() throws {
        let spans = [try BlockRange(0, 3), try BlockRange(1, 5), try BlockRange(2, 6)]
        let choice = BlockChoice(blockCount: 6, spans: spans)
        #expect(choice.best(beside: []) == (try BlockRange(1, 5)))
        let other = try self.holding(Samples.peer(1), (3, 6))
        #expect(choice.best(beside: [other]) == (try BlockRange(0, 3)))
    }

    @Test func `a node that is still loading counts for a little, a lie for no more than the bound`() throws {
        let peer = try Samples.peer(1)
        let range = try BlockRange(0, 4)
        #expect(Holding(peer: peer, blocks: range, blocksPerSecond: 0).throughput == 12_500)
        #expect(Holding(peer: peer, blocks: range, blocksPerSecond: 1e-300).throughput == 1)
        #expect(Holding(peer: peer, blocks: range, blocksPerSecond: 1e300).throughput == Holding.highestThroughput)
        #expect(Holding(peer: peer, blocks: range, throughput: .max).throughput == Holding.highestThroughput)
    }

    @Test func `of two that started together the one with the larger id gives way`() throws {
        let peers = try Samples.peers(2)
        let choice = self.choice(of: 4, in: 8)
        let own = try peers.map { try self.holding($0, (0, 4)) }
        #expect(choice.settled(own[0], among: [Joiner(own[1], isOnline: false)], after: []) == (try BlockRange(0, 4)))
        #expect(choice.settled(own[1], among: [Joiner(own[0], isOnline: false)], after: []) == (try BlockRange(4, 8)))
    }

    @Test func `a newcomer that is online goes first, whatever its id`() throws {
        let peers = try Samples.peers(2)
        let own = try peers.map { try self.holding($0, (0, 4)) }
        let settled = self.choice(of: 4, in: 8).settled(own[0], among: [Joiner(own[1], isOnline: true)], after: [])
        #expect(settled == (try BlockRange(4, 8)))
    }

    @Test func `whoever has settled is not disturbed by one that comes later with a smaller id`() throws {
        let peers = try Samples.peers(4)
        let choice = self.choice(of: 4, in: 12)
        let others = [
            Joiner(try self.holding(peers[1], (0, 4)), isOnline: true),
            Joiner(try self.holding(peers[2], (4, 8)), isOnline: false),
            Joiner(try self.holding(peers[3], (0, 12)), isOnline: true),
        ]
        let first = try #require(choice.best(beside: others.map(\.holding)))
        #expect(first == (try BlockRange(8, 12)))
        let own = Holding(peer: peers[0], blocks: first, throughput: 1000)
        #expect(choice.settled(own, among: others, after: others) == first)
    }

    /// All see the same, choose alike, announce, look again at each other and move once.
    @Test func `any number that start together cover the model, each after one move at most`() throws {
        let peers = try Samples.peers(9)
        for seed in 1...UInt64(500) {
            var random = SeededGenerator(seed: seed)
            let count = Int.random(in: 1...6, using: &random)
            let starters = Array(
                peers.dropLast().shuffled(using: &random).prefix(Int.random(in: 2...8, using: &random))
            )
            let blockCount = count * Int.random(in: 1...starters.count, using: &random)
            let choice = self.choice(of: count, in: blockCount)
            // Beside nobody, or beside one that holds everything.
            let whole = Joiner(try self.holding(peers[8], (0, blockCount)), isOnline: true)
            let seen = random.flip(oneIn: 2) ? [whole] : []
            let first = try #require(choice.best(beside: seen.map(\.holding)))
            let joiners = starters.map { Joiner(Holding(peer: $0, blocks: first, throughput: 1000), isOnline: false) }
            let settled = joiners.map(\.holding).map { own in
                let blocks = choice.settled(own, among: joiners + seen, after: seen)
                return Holding(peer: own.peer, blocks: blocks, throughput: 1000)
            }
            let throughputs = BlockThroughputs(settled, blockCount: blockCount)
            try #require(throughputs.minimum > 0, "seed \(seed): \(settled.map(\.blocks))")
            // One after the other sees some that have moved already.
            var current = joiners
            for index in current.indices.shuffled(using: &random) {
                let own = current[index].holding
                current[index].holding.blocks = choice.settled(own, among: current + seen, after: seen)
            }
            let inTurn = BlockThroughputs(current.map(\.holding), blockCount: blockCount)
            try #require(inTurn.minimum > 0, "seed \(seed): \(current.map(\.holding.blocks))")
        }
    }
}
