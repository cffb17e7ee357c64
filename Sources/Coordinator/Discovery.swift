public import Kademlia
public import P2PCore
public import P2PWire
public import ShardProtocol
import SwarmCore

/// A peer and what it says of itself.
public struct KnownPeer: Sendable {
    public var peer: PeerInfo
    /// Nil when the peer serves no blocks, or could not be asked.
    public var record: NodeRecord?
    /// Nil when the peer could not be reached.
    public var roundTrip: Duration?
}

/// Asks the network who is there and what they serve.
public struct Discovery: Sendable {
    private let host: Host
    private let dht: DHT

    public init(host: Host, dht: DHT) {
        self.host = host
        self.dht = dht
    }

    /// Everybody that the DHT knows of, whatever they serve, nearest round trip first.
    ///
    /// - Parameter searchTime: How long the DHT is searched: peers that keep silent could draw it out; nil: 10 s. Whoever is
    ///   found is then asked for 3 s.
    public func everybody(searchTime: Duration? = nil) async -> [KnownPeer] {
        let time = searchTime ?? Limits.lookupTime
        // A search that is cancelled gives what it has found.
        let searches = await concurrently([self.host.peerID.bytes], limit: 1, within: time) { key in
            await self.dht.closestPeers(to: key)
        }
        let found = searches.flatMap(\.self)
        var peers: [PeerID: PeerInfo] = [:]
        for peer in await self.dht.peers + found { peers[peer.id] = peer }
        peers[self.host.peerID] = nil
        return await self.ask(Array(peers.values)) { _ in false }
    }

    /// Who provides blocks of a model, with their records: enough for two holders of every block, when they exist.
    ///
    /// Provider records are hints (DESIGN.md §4): whoever does not answer in time is left out.
    ///
    /// - Parameters:
    ///   - search: who counts.
    ///   - blocks: which of them must have a holder; nil for all.
    ///   - lookupTime: how long the DHT is searched; whoever is found is then asked for 3 s, and for up to four times as long
    ///     while a block has no holder.
    ///   - insists: whether those are dialled too who could not be reached a moment ago.
    func holders(
        of model: ModelKey,
        _ search: HolderSearch,
        of blocks: BlockRange? = nil,
        lookupTime: Duration = Limits.lookupTime,
        insists: Bool = false
    ) async -> [KnownPeer] {
        func isHolder(_ record: NodeRecord) -> Bool {
            record.modelKey == model && record.blockCount == search.blockCount
        }
        let keys = Announcement.keys(model: model, blockCount: search.blockCount)
        let providers = await self.dht.providers(of: keys, within: lookupTime)
        // Of more than can be asked, any: ids cost nothing, so no order of theirs may decide who is.
        let asked = Array(providers.shuffled().prefix(Limits.candidates))
        func holders(_ answers: [KnownPeer]) -> [(peer: PeerID, record: NodeRecord)] {
            answers.compactMap { answer in answer.record.flatMap { isHolder($0) ? (answer.peer.id, $0) : nil } }
        }
        var answers: [KnownPeer] = []
        for _ in 0..<Limits.discoveryRounds where !Task.isCancelled {
            let answered = Set(answers.map(\.peer.id))
            let before = answers
            answers += await self.ask(asked.filter { !answered.contains($0.id) }, insists: insists) {
                search.isEnough(holders(before + $0))
            }
            if answers.count == asked.count || search.covers(holders(answers), blocks) { break }
        }
        return Self.nearestFirst(answers.filter { $0.record.map(isHolder) ?? false })
    }

    /// Asks sixteen at once, until everybody has been asked, `isEnough`, or the time is over.
    private func ask(
        _ peers: [PeerInfo],
        insists: Bool = false,
        until isEnough: ([KnownPeer]) -> Bool
    ) async -> [KnownPeer] {
        let answers = await concurrently(
            peers,
            limit: Limits.concurrentDials,
            within: Limits.discoveryTime,
            until: isEnough
        ) { await self.ask($0, insists: insists) }
        return Self.nearestFirst(answers)
    }

    private static func nearestFirst(_ peers: [KnownPeer]) -> [KnownPeer] {
        peers.sorted { ($0.roundTrip ?? .seconds(60), $0.peer.id) < ($1.roundTrip ?? .seconds(60), $1.peer.id) }
    }

    private func ask(_ peer: PeerInfo, insists: Bool) async -> KnownPeer {
        // Whoever cannot be reached does not answer below.
        if insists { try? await self.host.connect(to: peer, ignoringBackoff: true) }
        let records = try? await fetchNodeRecords(from: peer, over: self.host, now: .now(), timeout: Limits.recordTime)
        let own = records?.first { $0.peer == peer.id }
        let roundTrip = try? await self.host.ping(peer.id)
        var known = peer
        if known.addresses.isEmpty { known.addresses = self.host.addresses(of: peer.id) }
        return KnownPeer(peer: known, record: own?.record, roundTrip: roundTrip)
    }
}
