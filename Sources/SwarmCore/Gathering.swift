internal import P2PWire
package import ShardProtocol

/// Whether the next pass waits a moment for those who decode in turn here and on other hops.
///
/// A pass of eight rows takes hardly longer than one of a single row. Whoever comes just after a pass has begun waits for
/// all of it, and the weights are read once more for it alone. So where it is known when the others come back, since each
/// has always been away for about as long, a pass waits for them if that is worth it to all of them together. Once they
/// share a pass they leave together, and so come together to the hop behind this one, and here again.
///
/// Whoever is waited for and comes too late is believed less: its peer's sessions are not waited for until they have come
/// back once, then twice, four times as often; a coordinator that means it gets little of others' time.
///
/// A value: who comes and goes goes in, with the time; a moment comes out.
package struct Gathering: Sendable {
    /// A session that decodes here.
    private struct Member: Sendable {
        var blocks: BlockRange
        /// When it was answered; nil while a step of it is here.
        var left: ContinuousClock.Instant?
        /// How long it is away, as a moving average; nil before it came back for the first time.
        var absence: Duration?
        /// Whether the pass that comes next waits for it.
        var isAwaited = false

        /// When it should be back.
        var isDue: ContinuousClock.Instant? { self.left.flatMap { left in self.absence.map { left + $0 } } }
    }

    /// How little a peer is believed.
    private struct Doubt: Sendable {
        /// After so many returns its sessions are waited for again.
        var returns: Int
        /// How many it will be the next time.
        var next: Int
    }

    private var members: [SessionKey: Member] = [:]
    /// Whoever came too late when it was waited for.
    private var doubts: [PeerID: Doubt] = [:]
    private var cost = PassCost()
    /// Since when the pass waits that comes next.
    private var since: ContinuousClock.Instant?

    /// How much one absence counts: about the last five decide.
    private static let weight = 0.2

    /// Whoever is late may come at any moment, which counts as such a part of a pass.
    private static let shortestWait = 8

    package init() {}

    /// Sessions that it knows of.
    package var count: Int { self.members.count }

    /// Peers that it does not believe, at most ``Limits/doubtedPeers``.
    package var doubtedPeers: Int { self.doubts.count }

    /// A step of a session became ready.
    package mutating func arrived(
        _ key: SessionKey,
        in blocks: BlockRange,
        tokens: Int,
        now: ContinuousClock.Instant
    ) {
        // Whoever reads a prompt is not to be waited for.
        guard tokens <= Limits.decodingTokens else { return self.left(for: key) }
        var member = self.members[key] ?? Member(blocks: blocks)
        self.returned(key.peer, wasAwaited: member.isAwaited)
        member.isAwaited = false
        if let left = member.left {
            let absence = left.duration(to: now)
            // Somebody thought about the next question: that says nothing of the next token.
            let isUsual = absence < Limits.longestAbsence
            member.absence = isUsual ? Self.average(member.absence, absence) : nil
        }
        (member.blocks, member.left) = (blocks, nil)
        self.members[key] = member
    }

    /// A session's step was answered.
    package mutating func answered(_ key: SessionKey, now: ContinuousClock.Instant) {
        self.members[key]?.left = now
    }

    /// A session is over.
    package mutating func left(for key: SessionKey) {
        self.members[key] = nil
    }

    /// A pass began, whoever came.
    package mutating func began(now: ContinuousClock.Instant) {
        guard self.since != nil else { return }
        self.since = nil
        for (key, member) in self.members where member.isAwaited {
            self.members[key]?.isAwaited = false
            if let due = member.isDue, due <= now { self.cameTooLate(key.peer) }
        }
    }

    private mutating func cameTooLate(_ peer: PeerID) {
        if self.doubts[peer] == nil, self.doubts.count >= Limits.doubtedPeers {
            // Whoever has no session any more is not waited for in any case.
            let present = Set(self.members.keys.map(\.peer))
            self.doubts = self.doubts.filter { present.contains($0.key) }
        }
        let returns = self.doubts[peer]?.next ?? 1
        self.doubts[peer] = Doubt(returns: returns, next: min(2 * returns, Limits.returnsOfDoubt))
    }

    /// A session came back, which speaks for its peer; all the more where it was waited for.
    private mutating func returned(_ peer: PeerID, wasAwaited: Bool) {
        guard var doubt = self.doubts[peer] else { return }
        doubt.returns = max(doubt.returns - 1, 0)
        if wasAwaited { doubt.next /= 2 }
        self.doubts[peer] = doubt.next > 0 ? doubt : nil
    }

    /// A pass that only decoded has ended.
    ///
    /// - Parameter processing: for how long of `duration` its thread had a processor.
    package mutating func passed(rows: Int, blocks: Int, took duration: Duration, processing: Duration) {
        self.cost.passed(.init(rows: rows, blocks: blocks, duration: duration, processing: processing))
    }

    /// Until when the next pass waits; nil where it begins now.
    ///
    /// - Parameter rows: what is ready, all of which decodes in `blocks`.
    package mutating func pause(
        rows: Int,
        in blocks: BlockRange,
        now: ContinuousClock.Instant
    ) -> ContinuousClock.Instant? {
        guard let reading = self.cost.reading(blocks: blocks.count), reading >= Limits.shortestGathering else {
            return nil
        }
        let since = self.since ?? now
        let worth = reading * self.passesSaved
        let end = since + min(worth, Limits.longestStall)
        let awaited = now < end ? self.awaited(in: blocks, reading: reading, now: now) : []
        let price = self.cost.row(blocks: blocks.count) * self.passesSaved
        guard let others = Self.worthwhile(awaited.map(\.wait), rows: rows, worth: worth, price: price) else {
            return nil
        }
        self.since = since
        for (key, _) in awaited.prefix(others) { self.members[key]?.isAwaited = true }
        return min(now + awaited[others - 1].wait, end)
    }

    /// What a pass that is saved is worth, in passes: itself, and where others want the machine's processors also those
    /// that are shared from now on, here and on the next hops. There a wait leaves the processors to the others; on a machine
    /// that has nothing else to do it is lost.
    private var passesSaved: Double {
        let contention = max(self.cost.contention - Limits.usualContention, 0)
        return min(1 + contention * Limits.passesOfContention, Limits.passesSaved)
    }

    /// For how many of those who come to wait, so that all together gain the most; nil where that is for none.
    ///
    /// The m-th of those who are awaited comes after δ. Where the pass waits, all m begin δ from now and not after the
    /// pass, so each gains its length less δ; and each row that is here is later by δ and by what m more rows take.
    ///
    /// - Parameters:
    ///   - worth: what it counts that one of them need not wait for the pass after this one.
    ///   - price: what it counts that a row waits for another one.
    private static func worthwhile(_ waits: [Duration], rows: Int, worth: Duration, price: Duration) -> Int? {
        var best: (gain: Duration, others: Int)?
        for (index, wait) in waits.enumerated() {
            let others = index + 1
            let cost = (wait + price * others) * rows
            let gain = (worth - wait) * others - cost
            if gain > best?.gain ?? .zero { best = (gain, others) }
        }
        return best?.others
    }

    /// Who is away and may be expected, and how long from now until each is back, the first first.
    private func awaited(
        in blocks: BlockRange,
        reading: Duration,
        now: ContinuousClock.Instant
    ) -> [(key: SessionKey, wait: Duration)] {
        self.members.compactMap { key, member -> (key: SessionKey, wait: Duration)? in
            guard member.blocks == blocks, let due = member.isDue, self.doubts[key.peer]?.returns ?? 0 == 0 else {
                return nil
            }
            let wait = now.duration(to: due)
            // A little late is on the way; later than a pass is not to be waited for.
            return wait + reading > .zero ? (key, max(wait, reading / Self.shortestWait)) : nil
        }
        .sorted { ($0.wait, $0.key) < ($1.wait, $1.key) }
    }

    private static func average(_ before: Duration?, _ value: Duration) -> Duration {
        before.map { $0 + (value - $0) * Self.weight } ?? value
    }
}
