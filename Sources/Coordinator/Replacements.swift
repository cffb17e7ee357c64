import Kademlia
import P2PCore
import P2PWire
import ShardProtocol
import SwarmCore

/// Knows who might run the blocks of a chain: those that were found for it, and whoever has come since.
actor Replacements {
    private let coordinator: Coordinator
    private let source: ChainSource
    private let host: Host
    /// How many positions the sequence will fill at most.
    private let tokens: Int
    /// How steps go from hop to hop: as the caller said, or as the first plan chose. Parts of the chain are planned alike.
    private(set) var way: StepWay
    private var known: [KnownPeer] = []
    /// What those say of themselves who run the chain or ran it: others must agree with them.
    private var chosen: [PeerID: NodeRecord] = [:]
    /// When somebody was looked for last and not found.
    private var lastSearch: ContinuousClock.Instant?

    init(_ coordinator: Coordinator, source: ChainSource, host: Host, tokens: Int) {
        self.coordinator = coordinator
        self.source = source
        self.host = host
        self.tokens = tokens
        self.way = coordinator.way
    }

    /// The hops of the chain.
    func hops() async throws -> [ChosenHop] {
        switch self.source {
        case .pinned(let hops): return try await self.coordinator.pin(hops, host: self.host)
        case .discovered(let dht):
            do {
                return self.choose(try await self.found(through: dht))
            } catch  where !self.known.isEmpty {
                // Each node of the DHT names some providers at random, and another time others.
                return self.choose(try await self.found(through: dht))
            }
        }
    }

    private func found(through dht: DHT) async throws -> [ChosenHop] {
        self.known = await self.coordinator.holders(through: dht, host: self.host)
        try Task.checkCancellation()
        let (hops, way) = try self.coordinator.plan(self.known, self.way, tokens: self.tokens)
        self.way = way
        return hops
    }

    /// Hops for a part of it, on others than those who are excluded.
    ///
    /// Whoever is known already is tried first: that takes no time. The caller's own choice is dialled again.
    ///
    /// - Throws: ``CoordinatorError`` with code `noRoute`, `peerLost` or `badChain`.
    func hops(for vacancy: ChainSession<SpanInput>.Vacancy) async throws -> [ChosenHop] {
        switch self.source {
        case .pinned(let hops):
            return try await self.pinned(hops, for: vacancy)
        case .discovered(let dht):
            do {
                return self.choose(try self.plan(vacancy))
            } catch {
                if let untilNextSearch = self.untilNextSearch {
                    guard vacancy.isUrgent else { throw error }
                    try await pause(for: untilNextSearch)
                }
                await self.search(dht, for: vacancy)
                return try self.chooseFound(for: vacancy)
            }
        }
    }

    private func pinned(
        _ hops: [PinnedHop],
        for vacancy: ChainSession<SpanInput>.Vacancy
    ) async throws -> [ChosenHop] {
        let wanted = hops.filter { vacancy.blocks.contains($0.blocks) }
        do {
            let chosen = try await self.coordinator.pin(wanted, host: self.host, blocks: vacancy.blocks)
            guard chosen.contains(where: { vacancy.excluding.contains($0.peer.id) }) else { return chosen }
        } catch {
            guard !Task.isCancelled else { throw error }
            throw self.coordinator.notInChain(vacancy.blocks, because: error.message)
        }
        let reason = "the chain names nobody else for blocks \(vacancy.blocks)"
        throw self.coordinator.notInChain(vacancy.blocks, because: reason)
    }

    /// How long nobody new is to be expected; nil where somebody may be.
    private var untilNextSearch: Duration? {
        self.lastSearch.map { Limits.searchInterval - (.now - $0) }.flatMap { $0 > .zero ? $0 : nil }
    }

    private func search(_ dht: DHT, for vacancy: ChainSession<SpanInput>.Vacancy) async {
        self.known = await self.coordinator.holders(
            through: dht,
            host: self.host,
            of: vacancy.blocks,
            besides: vacancy.excluding,
            agreeingWith: vacancy.lost.peer.flatMap { self.chosen[$0] },
            lookupTime: Limits.replacementLookupTime,
            insists: true
        )
    }

    private func chooseFound(for vacancy: ChainSession<SpanInput>.Vacancy) throws -> [ChosenHop] {
        do {
            return self.choose(try self.plan(vacancy))
        } catch {
            self.lastSearch = .now
            throw error
        }
    }

    private func plan(_ vacancy: ChainSession<SpanInput>.Vacancy) throws(CoordinatorError) -> [ChosenHop] {
        let lost = vacancy.lost.peer.flatMap { self.chosen[$0] }
        let usable = self.known.filter { holder in
            guard let lost, let record = holder.record else { return true }
            return record.agrees(with: lost)
        }
        return try self.coordinator.plan(
            usable,
            self.way,
            tokens: self.tokens,
            blocks: vacancy.blocks,
            excluding: vacancy.excluding
        ).hops
    }

    private func choose(_ hops: [ChosenHop]) -> [ChosenHop] {
        if self.chosen.count > Limits.candidates { self.chosen = [:] }
        for hop in hops {
            self.chosen[hop.peer.id] = self.known.first { $0.peer.id == hop.peer.id }?.record
        }
        return hops
    }
}
