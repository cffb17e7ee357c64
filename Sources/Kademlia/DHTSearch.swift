internal import KademliaCore
internal import NIOCore
internal import P2PCore
public import P2PWire

/// Searches: the shell of `Lookup`.
extension DHT {
    /// Whether a search has what it wanted.
    enum Progress {
        case goOn
        case enough
    }

    private enum SearchEvent: Sendable {
        case answered(PeerInfo, Message)
        case failed(PeerID, P2PError)
        case deadline
    }

    /// Sends `request` to ever closer peers, until the k closest have answered, `visit` has enough, or time is up.
    ///
    /// - Parameter visit: Sees every answer; those that only widen the search carry neither record nor providers.
    func search(
        _ request: Message,
        _ visit: (PeerInfo, Message) -> Progress = { _, _ in .goOn }
    ) async -> Lookup {
        let target = KademliaKey(hashing: request.key)
        let seeds = self.node.table.closest(to: target, count: KademliaCore.Limits.lookupSeeds)
        var parameters = Lookup.Parameters()
        parameters.duration = TimeAmount(self.configuration.searchTimeout)
        if !self.configuration.limitsNetworks { parameters.perGroup = nil }
        var lookup = Lookup(
            target: target,
            owner: self.host.peerID,
            seeds: seeds,
            parameters: parameters,
            now: .now()
        )
        await withTaskGroup(of: SearchEvent.self) { group in
            let duration = Duration(lookup.deadline - .now())
            group.addTask {
                // Cancelled when the search is over.
                try? await pause(for: duration)
                return .deadline
            }
            var actions = lookup.start()
            while !actions.contains(.finish) {
                for action in actions {
                    guard let (peer, request) = Self.request(for: action, of: request) else { continue }
                    group.addTask { await self.event(of: request, to: peer) }
                }
                guard let event = await group.next(), !Task.isCancelled else { break }
                switch event {
                case .answered(let peer, let answer):
                    self.answered(peer)
                    actions = lookup.answered(peer.id, closer: answer.closerPeers)
                    if visit(peer, answer) == .enough { actions = lookup.stop() + [.finish] }
                case .failed(let peer, let error):
                    self.failed(peer, error)
                    actions = lookup.failed(peer)
                case .deadline:
                    actions = lookup.stop()
                }
            }
            group.cancelAll()
        }
        self.node.table.lookedUp(target, now: .now())
        return lookup
    }

    /// What to send to whom; nil when there is nothing to send.
    private static func request(for action: Lookup.Action, of request: Message) -> (PeerInfo, Message)? {
        switch action {
        case .ask(let peer): (peer, request)
        case .widen(let peer, let neighbour): (peer, Message(.findNode, key: neighbour.bytes))
        case .finish: nil
        }
    }

    private nonisolated func event(of request: Message, to peer: PeerInfo) async -> SearchEvent {
        do throws(P2PError) {
            let answer = try await self.ask(request, of: peer)
            return .answered(
                peer,
                self.isBelievedOnPrivateAddresses(peer.id) ? answer : answer.withoutPrivateAddresses()
            )
        } catch {
            return .failed(peer.id, error)
        }
    }

    /// Whether what a peer says of addresses in private networks is taken: where it was met in one itself.
    nonisolated func isBelievedOnPrivateAddresses(_ peer: PeerID) -> Bool {
        let remotes = self.host.remoteAddresses(of: peer)
        return self.configuration.trustsPrivateAddresses
            || remotes.contains { $0.ipAddress.map { $0.scope != .global } ?? false }
    }

    // MARK: Peers

    /// The up to k peers of the swarm that are closest to `key` and answer, the closest first.
    ///
    /// - Parameter key: Any bytes; their SHA-256 is what is searched for.
    public func closestPeers(to key: [UInt8]) async -> [PeerInfo] {
        await self.search(Message(.findNode, key: key)).closest
    }

    /// Where a peer can be reached.
    ///
    /// - Throws: `noPeers` when nobody can be asked, `notFound` when nobody knows.
    public func findPeer(_ id: PeerID) async throws(DHTError) -> PeerInfo {
        if id == self.host.peerID { return self.own }
        let known = self.host.addresses(of: id)
        if !known.isEmpty { return PeerInfo(id: id, addresses: known) }
        guard self.node.table.count > 0 else { throw .noPeers }
        let lookup = await self.search(Message(.findNode, key: id.bytes)) { peer, _ in
            peer.id == id ? .enough : .goOn
        }
        guard let found = lookup.heard(of: id)?.peer, !found.addresses.isEmpty else {
            throw DHTError(.notFound, "no peer knows \(id); it may be offline, or of another swarm")
        }
        let told = self.host.addresses(of: id)
        return told.isEmpty ? found : PeerInfo(id: id, addresses: told)
    }
}
