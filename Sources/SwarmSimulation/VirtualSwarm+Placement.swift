internal import KademliaSimulation
internal import P2PWire
internal import ShardProtocol
internal import SwarmCore

/// Which blocks servers choose, and when they go elsewhere, as `BlockServer` does.
extension VirtualSwarm {
    private static let settleTime = Duration.seconds(3)
    private static let longestStay = Duration.seconds(240)

    mutating func survey(_ number: Int, _ incarnation: Int, _ stage: Search.Stage) {
        guard self.servers[number]?.incarnation == incarnation, self.isBusy else { return }
        self.search(for: .survey(server: number, incarnation: incarnation, stage), by: number)
    }

    mutating func surveyed(_ number: Int, _ incarnation: Int, _ stage: Search.Stage, _ found: [FoundServer]) {
        guard let server = self.servers[number], server.incarnation == incarnation, let count = server.properties.choice
        else { return }
        let weights = UInt8(truncatingIfNeeded: server.properties.model.weights)
        let others = found.filter { $0.record.state != .draining && $0.record.fingerprint.first == weights }.map {
            other in
            let speed = other.record.blocksPerSecond
            let holding = Holding(peer: other.id, blocks: other.record.range, blocksPerSecond: speed)
            return Joiner(holding, isOnline: other.record.state == .online)
        }
        let blockCount = self.scenario.blockCount
        let spans = (0...blockCount - count).compactMap { try? BlockRange($0, $0 + count) }
        let choice = BlockChoice(blockCount: blockCount, spans: spans)
        switch stage {
        case .choose:
            let best = choice.best(beside: others.map(\.holding)) ?? server.blocks
            self.servers[number]?.blocks = best
            self.servers[number]?.seen = others
            self.announce(number, incarnation)
            self.schedule(.settles(server: number, incarnation: incarnation), in: Self.settleTime)
        case .settle:
            let own = Holding(peer: server.properties.id, blocks: server.blocks, blocksPerSecond: 0)
            self.load(number, choice.settled(own, among: others, after: server.seen))
        case .reconsider: self.reconsider(server, Rebalancing(choice: choice), among: others.map(\.holding))
        case .leave(let target): self.leave(server, for: target, to: others)
        }
    }

    // MARK: Going elsewhere

    mutating func reconsiderLater(_ number: Int, _ incarnation: Int) {
        let pause = Rebalancing.pause(upTo: Self.longestStay, using: &self.random)
        self.schedule(.reconsiders(server: number, incarnation: incarnation), in: pause)
    }

    private mutating func reconsider(_ server: SimulatedServer, _ rebalancing: Rebalancing, among others: [Holding]) {
        guard case .online = server.phase, self.isBusy else { return }
        let number = server.properties.peer
        let speed = Duration.seconds(1) / server.properties.blockTime
        let own = Holding(peer: server.properties.id, blocks: server.blocks, blocksPerSecond: speed)
        guard let target = rebalancing.move(own, among: others) else {
            return self.reconsiderLater(number, server.incarnation)
        }
        // It says that it leaves before it looks who stays.
        self.servers[number]?.phase = .draining(since: self.now)
        self.survey(number, server.incarnation, .leave(target))
    }

    private mutating func leave(_ server: SimulatedServer, for target: BlockRange, to others: [Joiner]) {
        let number = server.properties.peer
        let staying = others.filter(\.isOnline).map(\.holding.blocks)
        let isCovered = server.blocks.indices.allSatisfy { block in staying.contains { $0.indices.contains(block) } }
        guard isCovered else {
            self.servers[number]?.phase = .online
            return self.reconsiderLater(number, server.incarnation)
        }
        self.drain(number, for: target)
    }
}
