internal import P2PWire
internal import ShardProtocol

/// What a server knows of other nodes of its model: records to pass on, and how far its neighbours are.
struct Neighbourhood: Sendable {
    private var records: [PeerID: SignedNodeRecord] = [:]
    /// Milliseconds of a round trip to holders of neighbouring blocks.
    private(set) var pings: [PeerID: Double] = [:]

    /// Records that still hold, in a fixed order.
    func fresh(at now: UnixTime) -> [SignedNodeRecord] {
        self.records.values.filter { $0.isFresh(at: now) }.sorted { $0.peer < $1.peer }
    }

    /// Keeps the newest record of each peer, within the bound; those that expired make room.
    mutating func heard(_ heard: [SignedNodeRecord], except own: PeerID, now: UnixTime) {
        let known = Array(self.records.values) + heard
        let latest = known.filter { $0.peer != own && $0.isFresh(at: now) }.latestByPeer()
        // The ones that hold longest were heard of last.
        let kept = latest.values
            .sorted { ($0.record.expiry, $0.peer) > ($1.record.expiry, $1.peer) }
            .prefix(Limits.knownRecords)
        self.records = Dictionary(uniqueKeysWithValues: kept.map { ($0.peer, $0) })
    }

    /// Replaces the measurements: a peer that did not answer this time is no longer listed.
    mutating func measured(_ pings: [(peer: PeerID, roundTrip: Duration)]) {
        let nearest = pings.sorted { $0.roundTrip < $1.roundTrip }.prefix(Limits.pingedNeighbours)
        self.pings = Dictionary(nearest.map { ($0.peer, $0.roundTrip / .milliseconds(1)) }) { first, _ in first }
    }
}
