import P2PWire
import ShardProtocol
import Testing

@testable import SwarmCore

@Suite struct RebalancingTests {
    private func holding(_ peer: PeerID, _ blocks: (Int, Int), _ throughput: Int = 1000) throws -> Holding {
        Holding(peer: peer, blocks: try BlockRange(blocks.0, blocks.1), throughput: throughput)
    }

    private func rebalancing(of count: Int, in blockCount: Int) -> Rebalancing {
        Rebalancing(choice: BlockChoice(blockCount: blockCount, spans: BlockChoice.spans(of: count, in: blockCount)))
    }

    @Test func `goes where nobody is, if others hold what it leaves`() throws {
        let peers = try Samples.peers(2)
        let own = try self.holding(peers[0], (0, 4))
        let other = try self.holding(peers[1], (0, 4))
        #expect(self.rebalancing(of: 4, in: 8).move(own, among: [other]) == (try BlockRange(4, 8)))
    }

    @Test func `stays where nobody else is, whatever is missing elsewhere`() throws {
        let peers = try Samples.peers(2)
        let own = try self.holding(peers[0], (0, 4))
        let other = try self.holding(peers[1], (0, 3))
        #expect(self.rebalancing(of: 4, in: 8).move(own, among: [other]) == nil)
        #expect(self.rebalancing(of: 4, in: 8).move(own, among: []) == nil)
    }

    @Test func `a gain of less than a third is not worth a move`() throws {
        let peers = try Samples.peers(3)
        let own = try self.holding(peers[0], (0, 4), 300)
        func move(weakest: Int) throws -> BlockRange? {
            let others = [try self.holding(peers[1], (0, 4), 1000), try self.holding(peers[2], (4, 8), weakest)]
            return self.rebalancing(of: 4, in: 8).move(own, among: others)
        }
        // 900 becomes 1000 at best, as the first four blocks have no more without this peer; 699 becomes 999.
        #expect(try move(weakest: 900) == nil)
        #expect(try move(weakest: 699) == (try BlockRange(4, 8)))
    }

    @Test func `the pause is spread over four minutes and the same for the same seed`() {
        var random = SeededGenerator(seed: 1)
        let pauses = (0..<1000).map { _ in Rebalancing.pause(upTo: .seconds(240), using: &random) }
        #expect(pauses.allSatisfy { (.zero ... .seconds(240)).contains($0) })
        #expect(pauses.contains { $0 < .seconds(10) } && pauses.contains { $0 > .seconds(230) })
        var again = SeededGenerator(seed: 1)
        #expect(Rebalancing.pause(upTo: .seconds(240), using: &again) == pauses[0])
    }

    private func swarm(_ random: inout SeededGenerator, peers: [PeerID]) throws -> (blockCount: Int, [Holding]) {
        let blockCount = Int.random(in: 1...24, using: &random)
        let holdings = try peers.prefix(Int.random(in: 1...peers.count, using: &random)).map { peer in
            let lower = Int.random(in: 0..<blockCount, using: &random)
            let upper = Int.random(in: lower + 1...blockCount, using: &random)
            return try self.holding(peer, (lower, upper), random.pick([1, 300, 1000, 1000, 5000]))
        }
        return (blockCount, holdings)
    }

    @Test func `no move uncovers a block, or makes the weakest one weaker`() throws {
        let peers = try Samples.peers(12)
        var moves = 0
        for seed in 1...UInt64(800) {
            var random = SeededGenerator(seed: seed)
            let (blockCount, holdings) = try self.swarm(&random, peers: peers)
            for (index, own) in holdings.enumerated() {
                let rebalancing = self.rebalancing(of: own.blocks.count, in: blockCount)
                guard let target = rebalancing.move(own, among: holdings) else { continue }
                moves += 1
                var after = holdings
                after[index].blocks = target
                let old = BlockThroughputs(holdings, blockCount: blockCount)
                let new = BlockThroughputs(after, blockCount: blockCount)
                try #require(zip(old.values, new.values).allSatisfy { $0 == 0 || $1 > 0 }, "seed \(seed)")
                try #require(new.minimum >= old.minimum, "seed \(seed)")
            }
        }
        #expect(moves > 100)
    }

    @Test func `greedy moves end at a fixed point, where the weakest block is no weaker`() throws {
        let peers = try Samples.peers(12)
        for seed in 1...UInt64(800) {
            var random = SeededGenerator(seed: seed)
            let (blockCount, holdings) = try self.swarm(&random, peers: peers)
            let (settled, rounds) = Rebalancing.fixedPoint(holdings, blockCount: blockCount)
            try #require(rounds < Limits.rebalancingRounds, "seed \(seed)")
            try #require(Rebalancing.fixedPoint(settled, blockCount: blockCount).rounds == 0, "seed \(seed)")
            let old = BlockThroughputs(holdings, blockCount: blockCount).minimum
            try #require(BlockThroughputs(settled, blockCount: blockCount).minimum >= old, "seed \(seed)")
        }
    }

    @Test func `a swarm whose peers look one after the other comes to rest`() throws {
        let peers = try Samples.peers(12)
        for seed in 1...UInt64(200) {
            var random = SeededGenerator(seed: seed)
            var (blockCount, holdings) = try self.swarm(&random, peers: peers)
            var quiet = 0
            for _ in 0..<100 * holdings.count where quiet < 3 * holdings.count {
                let index = Int.random(in: holdings.indices, using: &random)
                let own = holdings[index]
                let target = self.rebalancing(of: own.blocks.count, in: blockCount).move(own, among: holdings)
                holdings[index].blocks = target ?? own.blocks
                quiet = target == nil ? quiet + 1 : 0
            }
            try #require(quiet >= 3 * holdings.count, "seed \(seed)")
        }
    }

    @Test func `counts as many others as its bound`() throws {
        let own = try self.holding(PeerID(bytes: [0, 3, 9, 9, 9]), (0, 1))
        let others = try (0...Limits.holdings).map { number in
            let peer = try PeerID(bytes: [0, 2, UInt8(number / 256), UInt8(number % 256)])
            return try self.holding(peer, number == Limits.holdings ? (0, 1) : (1, 2))
        }
        // The one beyond the bound is the only other holder of block 0.
        #expect(self.rebalancing(of: 1, in: 3).move(own, among: others) == nil)
        #expect(self.rebalancing(of: 1, in: 3).move(own, among: Array(others.suffix(2))) == (try BlockRange(2, 3)))
    }
}
