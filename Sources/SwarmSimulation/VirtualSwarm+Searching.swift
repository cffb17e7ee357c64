internal import KademliaSimulation
internal import P2PWire
internal import ShardProtocol
internal import SwarmCore

/// Who is there, and what do they serve: `Discovery` and `SwarmSurvey`, over the real DHT.
extension VirtualSwarm {
    @discardableResult
    mutating func search(for purpose: Search.Purpose, by peer: Int) -> SearchID {
        let id = self.nextSearch
        self.nextSearch += 1
        self.report.searches += 1
        self.searches[id] = Search(peer: peer, purpose: purpose)
        var (peers, rounds): (Set<PeerID>, Int) = ([], 0)
        for key in Announcement.keys(model: self.modelKey, blockCount: self.scenario.blockCount) {
            let found = self.dht.providers(of: key, for: peer)
            peers.formUnion(found.peers)
            rounds = max(rounds, found.rounds)
        }
        peers.remove(self.dht.id(of: peer))
        let longest = if case .vacancy = purpose { Search.replacementLookupTime } else { Search.lookupTime }
        let time = self.network.longestWay * 2 * rounds
        let found = Array(peers.sorted().shuffled(using: &self.random).prefix(Search.candidates))
        self.schedule(.foundProviders(id, found), in: min(time, longest))
        return id
    }

    mutating func foundProviders(_ id: SearchID, _ peers: [PeerID]) {
        guard self.searches[id] != nil else { return }
        self.searches[id]?.waiting = peers.reversed()
        self.schedule(.searchEnds(id), in: Search.askingTime)
        for _ in 0..<Search.concurrentQuestions { self.askNext(id) }
        if self.searches[id]?.outstanding == 0 { self.endSearch(id) }
    }

    private mutating func askNext(_ id: SearchID) {
        guard let search = self.searches[id], let peer = self.searches[id]?.waiting.popLast() else { return }
        self.searches[id]?.outstanding += 1
        var time = Search.questionTime
        if let number = self.dht.member(peer), self.network.reach(search.peer, number), !self.unpowered.contains(number)
        {
            // A connection, and then the question.
            time = min(time, self.network.delay(search.peer, number, using: &self.random) * 5)
            let pause = self.servers[number]?.pausedUntil.map { $0 - self.now } ?? .zero
            time = min(Search.questionTime, max(time, pause))
        }
        self.schedule(.asked(id, peer, began: self.now), in: time)
    }

    mutating func asked(_ id: SearchID, _ peer: PeerID, _ began: Instant) {
        guard let search = self.searches[id] else { return }
        self.searches[id]?.outstanding -= 1
        if self.now - began < Search.questionTime, let number = self.dht.member(peer),
            let record = self.record(of: number, for: search.peer)
        {
            let way = self.network.way(search.peer, number)
            self.searches[id]?.found.append(FoundServer(server: number, id: peer, record: record, roundTrip: way * 2))
        }
        self.askNext(id)
        guard let now = self.searches[id] else { return }
        if now.outstanding == 0 || self.hasEnough(now) { self.endSearch(id) }
    }

    /// What `server` says of itself to whoever asks now; nil where that cannot be heard or believed.
    private mutating func record(of server: Int, for asker: Int) -> NodeRecord? {
        guard self.network.reach(server, asker), !self.unpowered.contains(server),
            let properties = self.servers[server]?.properties, self.servers[server]?.pausedUntil == nil
        else { return nil }
        let (model, clock) = (self.modelKey, self.calendar(error: properties.clockError))
        let record = self.servers[server]?.record(model: model, clock: clock)
        let error = self.coordinators[asker]?.clockError ?? self.servers[asker]?.properties.clockError ?? 0
        guard let record, record.isBelievable(at: self.calendar(error: error)) else { return nil }
        return record
    }

    /// The time for asking is over. Where a block has no holder and some have not been asked yet, they are asked as well.
    mutating func searchTakesLong(_ id: SearchID) {
        guard let search = self.searches[id] else { return }
        guard let holders = self.holders(for: search), !search.waiting.isEmpty,
            search.extensions + 1 < Search.longestAsking,
            !holders.covers(search.found.lazy.map { ($0.id, $0.record) }, search.blocks)
        else { return self.endSearch(id) }
        self.searches[id]?.extensions += 1
        self.schedule(.searchEnds(id), in: Search.askingTime)
    }

    private func hasEnough(_ search: Search) -> Bool {
        self.holders(for: search)?.isEnough(search.found.lazy.map { ($0.id, $0.record) }) ?? false
    }

    /// Who counts; nil for a survey, which wants to know of everybody.
    private func holders(for search: Search) -> HolderSearch? {
        guard let generation = search.generation.flatMap({ self.generations[$0] }) else { return nil }
        let banned = self.coordinators[search.peer]?.bans.banned(now: self.now) ?? []
        var holders = HolderSearch(blockCount: self.scenario.blockCount, discounted: banned)
        switch search.purpose {
        case .begin, .survey: break
        case .vacancy(_, let vacancy, _), .preparation(_, let vacancy):
            holders.discounted.formUnion(vacancy.excluding)
            holders.matching = vacancy.lost.peer.flatMap { generation.chosen[$0] }
        }
        return holders
    }

    mutating func endSearch(_ id: SearchID) {
        guard let search = self.searches.removeValue(forKey: id) else { return }
        let found = search.found.filter { $0.record.modelKey == self.modelKey }
            .sorted { ($0.roundTrip, $0.id) < ($1.roundTrip, $1.id) }
        if let generation = search.generation {
            let names = found.map { "\($0.server):\($0.record.range)" }
            self.say("generation \(generation): search \(id) finds \(names), \(search.waiting.count) not asked")
            for server in found {
                self.coordinators[search.peer]?.figures.pinged(server.id, roundTrip: server.roundTrip, now: self.now)
            }
            self.generations[generation]?.known = found
        }
        switch search.purpose {
        case .begin(let generation): self.open(generation)
        case .vacancy(let generation, let vacancy, let late):
            if let late { self.attempts[late]?.search = nil }
            if let hops = self.plan(vacancy, of: generation) {
                self.planned(vacancy, hops, of: generation, late: late)
            } else {
                self.generations[generation]?.lastSearch = self.now
                self.unplanned(vacancy, of: generation)
            }
        case .preparation(let generation, let vacancy):
            let hops = self.plan(vacancy, of: generation)
            if hops == nil { self.generations[generation]?.lastSearch = self.now }
            self.prepared(vacancy, hops, of: generation)
            self.generations[generation]?.isTending = false
            self.tend(generation)
        case .survey(let server, let incarnation, let stage): self.surveyed(server, incarnation, stage, found)
        }
    }
}
