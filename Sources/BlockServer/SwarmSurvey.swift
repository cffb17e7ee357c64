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
        let providers = await self.dht.providers(of: self.description.modelKeys, within: Limits.surveyTime)
        // Of more than can be asked, any: ids cost nothing, so no order of theirs may decide who is.
        let peers = Array(providers.shuffled().prefix(Limits.surveyedPeers))
        let joiners = await concurrently(peers, limit: Limits.concurrentQuestions, within: Limits.surveyTime) { peer in
            await self.ask(peer)
        }
        return joiners.compactMap(\.self).sorted { $0.holding.peer < $1.holding.peer }
    }

    private func ask(_ peer: PeerInfo) async -> Joiner? {
        let records = try? await fetchNodeRecords(from: peer, over: self.host, now: .now(), timeout: Self.patience)
        guard let record = records?.first(where: { $0.peer == peer.id })?.record, self.description.isAlike(record),
            record.state != .draining
        else { return nil }
        let speed = record.blocksPerSecond
        let holding = Holding(peer: peer.id, blocks: record.range, blocksPerSecond: speed)
        return Joiner(holding, isOnline: record.state == .online)
    }
}
