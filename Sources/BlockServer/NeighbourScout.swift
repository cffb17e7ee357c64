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
        var holders: [PeerID: PeerInfo] = [:]
        for key in self.description.neighbourKeys {
            for peer in (try? await self.dht.providers(of: key)) ?? [] where peer.id != self.host.peerID {
                holders[peer.id] = peer
            }
        }
        let asked = holders.values.sorted { $0.id < $1.id }.prefix(Limits.askedNeighbours)
        var records: [SignedNodeRecord] = []
        var pings: [(peer: PeerID, roundTrip: Duration)] = []
        await withTaskGroup(of: ([SignedNodeRecord], Duration?).self) { group in
            var waiting = Array(asked)[...]
            for peer in waiting.prefix(Limits.concurrentQuestions) { group.addTask { await self.ask(peer) } }
            waiting = waiting.dropFirst(Limits.concurrentQuestions)
            for await (answer, roundTrip) in group {
                records += answer
                if let roundTrip, let own = answer.first { pings.append((own.peer, roundTrip)) }
                if let next = waiting.popFirst() { group.addTask { await self.ask(next) } }
            }
        }
        return (records, pings)
    }

    /// A peer's records, its own first, and the round trip to it if it is a neighbour. A peer that does not answer in
    /// time is none.
    private func ask(_ peer: PeerInfo) async -> ([SignedNodeRecord], Duration?) {
        let records = try? await fetchNodeRecords(from: peer, over: self.host, now: .now(), timeout: Self.patience)
        guard let records, let own = records.first, self.description.knows(own.record) else { return ([], nil) }
        guard self.description.isNeighbour(own.record) else { return (records, nil) }
        return (records, try? await self.host.ping(peer.id))
    }
}
