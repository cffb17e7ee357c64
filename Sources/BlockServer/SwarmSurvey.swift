internal import Kademlia
internal import P2PCore
internal import P2PWire
internal import ShardProtocol
internal import SwarmCore

/// Who serves a model now, and which of its blocks: asked of the peers themselves, since what others say of them may be old.
struct SwarmSurvey: Sendable {
    let host: Host
    let dht: DHT
    let description: NodeDescription

    /// How long one peer may take to answer (DESIGN.md §4).
    private static let patience = Duration.seconds(2)

    /// - Returns: everybody else who serves the same weights, or is going to, by id.
    func take() async -> [Joiner] {
        let peers = await self.providers()
        return await withTaskGroup(of: [Joiner]?.self) { group in
            var waiting = peers.makeIterator()
            var outstanding = 0
            func askNext() {
                guard let peer = waiting.next() else { return }
                outstanding += 1
                group.addTask { await self.ask(peer) }
            }
            group.addTask {
                try? await pause(for: Limits.surveyTime)
                return nil
            }
            for _ in 0..<Limits.concurrentQuestions { askNext() }
            var joiners: [Joiner] = []
            while outstanding > 0, let answer = await group.next(), let answer {
                outstanding -= 1
                joiners += answer
                askNext()
            }
            group.cancelAll()
            return joiners.sorted { $0.holding.peer < $1.holding.peer }
        }
    }

    /// The union of what every segment's lookup finds in time.
    private func providers() async -> [PeerInfo] {
        await withTaskGroup(of: [PeerInfo]?.self) { group in
            let keys = self.description.modelKeys
            for key in keys { group.addTask { (try? await self.dht.providers(of: key)) ?? [] } }
            group.addTask {
                try? await pause(for: Limits.surveyTime)
                return nil
            }
            var peers: [PeerID: PeerInfo] = [:]
            var outstanding = keys.count
            while outstanding > 0, let found = await group.next() {
                guard let found else {
                    // A lookup that is cancelled gives what it has found.
                    group.cancelAll()
                    continue
                }
                outstanding -= 1
                for peer in found where peer.id != self.host.peerID { peers[peer.id] = peer }
            }
            group.cancelAll()
            return Array(peers.values.sorted { $0.id < $1.id }.prefix(Limits.surveyedPeers))
        }
    }

    private func ask(_ peer: PeerInfo) async -> [Joiner] {
        let records = try? await fetchNodeRecords(from: peer, over: self.host, now: .now(), timeout: Self.patience)
        guard let record = records?.first(where: { $0.peer == peer.id })?.record, self.description.isAlike(record),
            record.state != .draining
        else { return [] }
        let speed = record.blocksPerSecond
        let holding = Holding(peer: peer.id, blocks: record.range, blocksPerSecond: speed)
        return [Joiner(holding, isOnline: record.state == .online)]
    }
}
