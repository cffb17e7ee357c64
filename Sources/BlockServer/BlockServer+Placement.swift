internal import Kademlia
internal import P2PCore
internal import P2PWire
internal import ShardProtocol
internal import SwarmCore

/// Which blocks a server chooses, and when it goes elsewhere: the shell of ``BlockChoice`` and ``Rebalancing``.
///
/// A server whose owner said which blocks does none of it.
extension BlockServer {
    private var choice: BlockChoice {
        BlockChoice(blockCount: self.blockCount, spans: self.configuration.choices)
    }

    private func survey(_ description: NodeDescription) async -> [Joiner] {
        guard let dht = self.dht else { return [] }
        return await SwarmSurvey(host: self.host, dht: dht, description: description).take()
    }

    /// Says which blocks it is going to load.
    ///
    /// One that chooses looks at what others hold, announces its choice, and looks again: those that started together see
    /// each other only then, and all but one of them give way.
    ///
    /// - Returns: the range to load.
    func join() async throws(BlockServerError) -> BlockRange {
        var description = try await self.describe(self.configuration.range)
        guard !self.configuration.choices.isEmpty else {
            self.phase = .joining(description)
            self.register()
            return description.range
        }
        let seen = await self.survey(description)
        let first = self.choice.best(beside: seen.map(\.holding)) ?? description.range
        description.range = first
        self.phase = .joining(description)
        self.register()
        self.eventSource.yield(.chose(first))
        guard self.dht != nil else { return first }
        await self.announce(description)
        guard !self.isLeaving, (try? await Task.sleep(for: self.configuration.settleTime)) != nil else { return first }
        let own = Holding(peer: self.host.peerID, blocks: first, blocksPerSecond: 0)
        let settled = self.choice.settled(own, among: await self.survey(description), after: seen)
        if settled != first {
            await self.withdraw(description)
            self.eventSource.yield(.chose(settled))
        }
        return settled
    }

    /// Waits until the swarm needs this server elsewhere, and leaves its range in good order.
    ///
    /// - Returns: where it is needed; nil when the task is cancelled.
    func untilNeededElsewhere(_ service: Service) async -> BlockRange? {
        guard !self.configuration.choices.isEmpty, self.dht != nil else { return nil }
        var random = SystemRandomNumberGenerator()
        while (try? await Task.sleep(for: self.pause(using: &random))) != nil {
            let others = await self.survey(service.description).map(\.holding)
            let speed = service.sessions.blocksPerSecond
            let own = Holding(peer: self.host.peerID, blocks: service.description.range, blocksPerSecond: speed)
            if let target = Rebalancing(choice: self.choice).move(own, among: others),
                await self.leave(service, for: target)
            {
                return target
            }
        }
        return nil
    }

    private func pause(using random: inout some RandomNumberGenerator) -> Duration {
        Rebalancing.pause(upTo: self.configuration.longestStay, using: &random)
    }

    /// Takes no new sessions and waits for those that exist, unless blocks would be without anybody.
    ///
    /// It says that it leaves before it looks who stays. Of two that would leave the same block together each looks after it
    /// has said so, so at least one sees the other leaving, and stays.
    ///
    /// - Returns: whether the range was left.
    func leave(_ service: Service, for target: BlockRange) async -> Bool {
        guard case .online = self.phase, !self.isLeaving else { return false }
        self.phase = .draining(service)
        let staying = await self.survey(service.description).filter(\.isOnline).map(\.holding.blocks)
        guard !self.isLeaving else { return false }
        let isCovered = service.description.range.indices.allSatisfy { block in
            staying.contains { $0.indices.contains(block) }
        }
        guard isCovered, !Task.isCancelled else {
            self.phase = .online(service)
            return false
        }
        self.eventSource.yield(.moving(to: target))
        service.sessions.drain()
        await self.waitUntilQuiet(service.sessions)
        return true
    }
}
