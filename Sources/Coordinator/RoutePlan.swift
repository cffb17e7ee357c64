public import Kademlia
import Model
public import P2PCore
public import P2PWire
public import ShardProtocol
import SwarmCore

/// The chain that a swarm gives now, and what a token is expected to take on it.
public struct RoutePlan: Sendable {
    public struct Hop: Sendable {
        public let peer: PeerID
        /// What its owner calls it.
        public let name: String?
        public let blocks: BlockRange
        public let compute: Duration
        /// Waiting on the peer for its turn.
        public let queue: Duration
        public let network: Duration
        /// Whether this process has seen the peer's speed; else it is the peer's own word.
        public let isMeasured: Bool
        /// Whether the peer says that it has room for the session's KV-cache.
        public let hasRoom: Bool
        /// Whether it failed lately, and stands here only because nobody else can.
        public let isBanned: Bool

        public var total: Duration { self.compute + self.queue + self.network }
    }

    public let hops: [Hop]
    /// How steps go from hop to hop: ``StepWay/push`` or ``StepWay/star``.
    public let way: StepWay
    /// The fastest peer that would run every block by itself; nil where no peer holds them all.
    public let alone: Hop?

    public var compute: Duration { self.hops.reduce(.zero) { $0 + $1.compute } }
    public var queue: Duration { self.hops.reduce(.zero) { $0 + $1.queue } }
    public var network: Duration { self.hops.reduce(.zero) { $0 + $1.network } }
    /// What a token takes.
    public var total: Duration { self.compute + self.queue + self.network }
}

extension Coordinator {
    /// Plans as a generation would, and says what it expects.
    ///
    /// - Parameter tokens: how many positions the sequence will fill at most.
    /// - Throws: ``CoordinatorError`` with code `noRoute`, naming the command that closes the gap.
    public func route(through dht: DHT, host: Host, tokens: Int) async throws(CoordinatorError) -> RoutePlan {
        let holders = await self.holders(through: dht, host: host)
        await self.measure(holders, host: host)
        let candidates = self.peers.candidates(holders)
        let planner = self.planner(self.way, tokens: tokens, for: candidates)
        let hops: [Hop]
        do {
            hops = try planner.plan(candidates)
        } catch {
            throw self.noRoute(error, holders: holders)
        }
        func described(_ hops: [Hop]) -> [RoutePlan.Hop] {
            planner.estimate(hops, among: candidates).hops.map { hop in
                RoutePlan.Hop(hop, name: holders.first { $0.peer.id == hop.peer }?.record?.name)
            }
        }
        let alone = candidates.compactMap { candidate -> RoutePlan.Hop? in
            guard let hops = try? planner.plan([candidate]), hops.count == 1 else { return nil }
            return described(hops).first
        }
        return RoutePlan(
            hops: described(hops),
            way: planner.routing.way,
            alone: alone.min { ($0.total, $0.peer) < ($1.total, $1.peer) }
        )
    }

    /// Pings the nearest some more times: nothing is in a hurry here, and one ping alone says little.
    private func measure(_ holders: [KnownPeer], host: Host) async {
        let reachable = holders.filter { $0.roundTrip != nil }.prefix(Limits.concurrentDials)
        for _ in 0..<Limits.pingsOfPlan {
            let pinged = await withTaskGroup(of: KnownPeer.self) { group in
                for var holder in reachable {
                    group.addTask {
                        holder.roundTrip = try? await host.ping(holder.peer.id)
                        return holder
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            self.peers.noteFound(pinged)
        }
    }

    /// A planner for one way, or for the one that suits the candidates where that is to be found out.
    ///
    /// - Parameter tokens: how many positions the sequence will fill at most.
    func planner(_ way: StepWay, tokens: Int, for candidates: [Candidate]) -> ChainPlanner {
        let blockCount = self.model.configuration.blockCount
        let planner = ChainPlanner(
            blockCount: blockCount,
            routing: way == .push ? .push : .star,
            kvBytesPerBlock: self.model.configuration.kvBytes(blocks: 0..<blockCount, tokens: tokens) / blockCount
        )
        return way == .auto ? planner.choosingRouting(for: candidates) : planner
    }
}

extension Routing {
    var way: StepWay {
        switch self {
        case .star: .star
        case .push: .push
        }
    }
}

extension RoutePlan.Hop {
    fileprivate init(_ hop: ChainEstimate.Hop, name: String?) {
        self.init(
            peer: hop.peer,
            name: name,
            blocks: hop.blocks,
            compute: hop.compute,
            queue: hop.queue,
            network: hop.network,
            isMeasured: hop.isMeasured,
            hasRoom: hop.hasRoom,
            isBanned: hop.isBanned
        )
    }
}
