internal import Kademlia
internal import P2PCore
internal import P2PWire
internal import ShardProtocol

/// One look around: who holds the blocks beside ours, what do they say, how far are they?
struct NeighbourScout: Sendable {
    let host: Host
    let dht: DHT
    let description: NodeDescription

    /// How long one peer may take to answer (DESIGN.md §4).
    private static let patience = Duration.seconds(2)

    /// - Returns: verified records of the model's nodes, and the round trips to those that hold neighbouring blocks.
    func look() async -> (records: [SignedNodeRecord], pings: [(peer: PeerID, roundTrip: Duration)]) {
        let holders = await self.dht.providers(of: self.description.neighbourKeys, within: Limits.surveyTime)
        let asked = Array(holders.shuffled().prefix(Limits.askedNeighbours))
        let answers = await concurrently(asked, limit: Limits.concurrentQuestions, within: Limits.surveyTime) { peer in
            await self.ask(peer)
        }
        let pings = answers.compactMap { answer in
            answer.records.first.flatMap { own in answer.roundTrip.map { (peer: own.peer, roundTrip: $0) } }
        }
        return (answers.flatMap(\.records), pings)
    }

    /// A peer's records, its own first, and the round trip to it if it is a neighbour. A peer that does not answer in
    /// time is none.
    private func ask(_ peer: PeerInfo) async -> (records: [SignedNodeRecord], roundTrip: Duration?) {
        let records = try? await fetchNodeRecords(from: peer, over: self.host, now: .now(), timeout: Self.patience)
        guard let records, let own = records.first, self.description.knows(own.record) else { return ([], nil) }
        guard self.description.isNeighbour(own.record) else { return (records, nil) }
        return (records, try? await self.host.ping(peer.id))
    }
}
