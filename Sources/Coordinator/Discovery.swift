public import Kademlia
public import P2PCore
public import P2PWire
public import ShardProtocol

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
        let found = await withTaskGroup(of: [PeerInfo]?.self, returning: [PeerInfo].self) { group in
            group.addTask { await self.dht.closestPeers(to: self.host.peerID.bytes) }
            group.addTask {
                try? await pause(for: searchTime ?? Limits.lookupTime)
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            // A search that is cancelled gives what it has found.
            if let first { return first }
            return (await group.next() ?? nil) ?? []
        }
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
    ///   - lookupTime: how long the DHT is searched; whoever is found is then asked for 3 s.
    ///   - insists: whether those are dialled too who could not be reached a moment ago.
    func holders(
        of model: ModelKey,
        blockCount: Int,
        lookupTime: Duration = Limits.lookupTime,
        insists: Bool = false
    ) async -> [KnownPeer] {
        let providers = await self.providers(of: model, blockCount: blockCount, lookupTime)
        let answers = await self.ask(providers, insists: insists) { answers in
            Self.isCovered(blockCount, by: answers.compactMap(\.record))
        }
        return answers.filter { $0.record?.modelKey == model && $0.record?.blockCount == blockCount }
    }

    /// The union of what every segment's lookup finds; one that takes too long gives what it has found until then.
    private func providers(of model: ModelKey, blockCount: Int, _ lookupTime: Duration) async -> [PeerInfo] {
        await withTaskGroup(of: [PeerInfo]?.self) { group in
            let keys = Announcement.keys(model: model, blockCount: blockCount)
            for key in keys {
                group.addTask { (try? await self.dht.providers(of: key)) ?? [] }
            }
            group.addTask {
                try? await pause(for: lookupTime)
                return nil
            }
            var peers: [PeerID: PeerInfo] = [:]
            var outstanding = keys.count
            while outstanding > 0, let found = await group.next() {
                guard let found else {
                    group.cancelAll()
                    continue
                }
                outstanding -= 1
                for peer in found where peer.id != self.host.peerID && peers.count < Limits.candidates {
                    peers[peer.id] = peer
                }
            }
            group.cancelAll()
            return peers.values.sorted { $0.id < $1.id }
        }
    }

    private static func isCovered(_ blockCount: Int, by records: [NodeRecord]) -> Bool {
        let online = records.filter { $0.state == .online }
        return (0..<blockCount).allSatisfy { block in
            online.count { $0.range.indices.contains(block) } >= Limits.holdersPerBlock
        }
    }

    /// Asks sixteen at once, until everybody has been asked, `isEnough`, or the time is over.
    private func ask(
        _ peers: [PeerInfo],
        insists: Bool = false,
        until isEnough: ([KnownPeer]) -> Bool
    ) async -> [KnownPeer] {
        await withTaskGroup(of: KnownPeer?.self) { group in
            var waiting = peers.makeIterator()
            var outstanding = 0
            func askNext() {
                guard let peer = waiting.next() else { return }
                outstanding += 1
                group.addTask { await self.ask(peer, insists: insists) }
            }
            group.addTask {
                try? await pause(for: Limits.discoveryTime)
                return nil
            }
            for _ in 0..<Limits.concurrentDials { askNext() }
            var answers: [KnownPeer] = []
            while outstanding > 0, let answer = await group.next(), let answer {
                outstanding -= 1
                answers.append(answer)
                if isEnough(answers) { break }
                askNext()
            }
            group.cancelAll()
            return answers.sorted {
                ($0.roundTrip ?? .seconds(60), $0.peer.id) < ($1.roundTrip ?? .seconds(60), $1.peer.id)
            }
        }
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
