internal import KademliaCore
internal import Logging
internal import NIOCore
internal import P2PCore
internal import P2PWire

/// What a node does on its own.
extension DHT {
    /// Keeps the node in the swarm until the task is cancelled or the host closes: takes in the peers that come, checks
    /// those it knows, refreshes buckets, announces anew what it provides, and forgets what has run out.
    public func run() async {
        await withTaskGroup { group in
            group.addTask { await self.watchPeers() }
            group.addTask { await Self.every(self.configuration.refreshInterval) { await self.refresh() } }
            group.addTask { await Self.every(self.configuration.upkeepInterval) { await self.keepUp() } }
            // The first to end is whichever noticed that the host has closed.
            await group.next()
            group.cancelAll()
        }
    }

    private nonisolated static func every(_ interval: Duration, _ body: () async -> Void) async {
        while !Task.isCancelled {
            do { try await pause(for: interval) } catch { return }
            await body()
        }
    }

    // MARK: Periods

    /// Asks the members that have been silent whether they live, and looks into the own neighbourhood and every bucket
    /// that no lookup has touched (Kademlia §2.3).
    func refresh(now: NIODeadline = .now()) async {
        let horizon = now - TimeAmount(self.configuration.refreshInterval)
        let silent = self.node.table.membersSilent(since: horizon)
        _ = await concurrently(silent, limit: Limits.concurrentChecks) { await self.check($0) }
        _ = await self.search(Message(.findNode, key: self.host.peerID.bytes))
        let buckets = self.node.table.bucketsUntouched(since: horizon)
        for key in self.node.table.refreshKeys(for: buckets, using: &self.generator) {
            guard !Task.isCancelled else { return }
            _ = await self.search(Message(.findNode, key: key))
        }
    }

    /// The short period: what must not wait for the next refresh.
    func keepUp(now: NIODeadline = .now()) async {
        self.node.expire(now: now)
        if self.node.table.count == 0, !self.configuration.bootstrap.isEmpty {
            do throws(DHTError) {
                _ = try await self.bootstrap()
            } catch {
                self.host.configuration.logger.info("still alone: \(error.message)")
            }
        }
        await self.republish(now: now)
        await self.republishValues(now: now)
    }

    // MARK: Those who come and go

    /// Takes in peers that serve the protocol, as soon as Identify tells, and looks after those whose connection is gone.
    private func watchPeers() async {
        let events = self.host.events
        await withDiscardingTaskGroup { group in
            for peer in self.host.connectedPeers where self.isCandidate(peer) {
                group.addTask { await self.checkNewcomer(peer) }
            }
            for await event in events {
                switch event {
                case .connected:
                    break
                case .identified(let peer):
                    if self.isCandidate(peer) { group.addTask { await self.checkNewcomer(peer) } }
                case .disconnected(let peer):
                    if let member = self.lost(peer) { group.addTask { await self.reach(member) } }
                }
            }
            group.cancelAll()
        }
    }

    /// The connection to `peer` is gone. Returns it if it should be reached again at once: in a swarm that fits one bucket
    /// everybody holds the records of all, and one that has restarted has lost them.
    func lost(_ peer: PeerID) -> PeerInfo? {
        self.informed.remove(peer)
        guard !self.announcements.isEmpty, self.node.table.count <= KademliaCore.Limits.bucketSize else { return nil }
        return self.node.table.members.first { $0.peer.id == peer }?.peer
    }

    /// Tries a few times to reach a peer that may be restarting; both ends then meet as newcomers do.
    func reach(_ peer: PeerInfo, after delays: [Duration] = Limits.reconnectionDelays) async {
        for delay in delays {
            guard (try? await pause(for: delay)) != nil else { return }
            // One that stays away is the next refresh's to judge.
            guard (try? await self.host.connect(to: peer)) == nil else { return }
        }
    }

    /// Whether a peer should be tested for the routing table. One that no longer serves leaves it.
    private func isCandidate(_ peer: PeerID) -> Bool {
        guard let identification = self.host.identification(of: peer) else { return false }
        guard identification.protocols.contains(self.protocolID) else {
            self.node.table.remove(peer)
            return false
        }
        let info = PeerInfo(id: peer, addresses: self.host.addresses(of: peer))
        let remotes = self.host.remoteAddresses(of: peer)
        guard self.node.table.contains(peer) || self.node.table.hasRoom(for: info, seenAt: remotes) else {
            return false
        }
        return self.checking.count < Limits.concurrentChecks && self.checking.insert(peer).inserted
    }

    /// Tests a peer that has come, and tells it what this node provides near it.
    func checkNewcomer(_ peer: PeerID) async {
        let info = PeerInfo(id: peer, addresses: self.host.addresses(of: peer))
        let isServing = await self.check(info)
        self.checking.remove(peer)
        // A peer that identifies itself again has not forgotten.
        if isServing, self.informed.insert(peer).inserted { await self.inform(info) }
    }

    /// Tests whether `peer` answers a FIND_NODE: what Identify lists is only a claim.
    @discardableResult
    private func check(_ peer: PeerInfo) async -> Bool {
        do throws(P2PError) {
            _ = try await self.ask(Message(.findNode, key: self.host.peerID.bytes), of: peer)
            self.answered(peer)
            return true
        } catch {
            self.failed(peer.id, error)
            return false
        }
    }
}
