package import ShardProtocol

/// Whether the next pass waits a moment for those who decode in turn here and on other hops.
///
/// A pass of eight rows takes hardly longer than one of a single row. Whoever comes just after a pass has begun waits for
/// all of it, and the weights are read once more for it alone. So where it is known when the others come back, since each
/// has always been away for about as long, a pass waits for them if that is worth it to all of them together. Once they
/// share a pass they leave together, and so come together to the hop behind this one, and here again.
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
    }

    private var members: [SessionKey: Member] = [:]
    /// What reading one block's weights takes, in passes that only decode, as a moving average.
    private var reading: Duration?
    /// Since when the pass waits that comes next.
    private var since: ContinuousClock.Instant?

    /// How much one absence, or one pass, counts: about the last five decide.
    private static let weight = 0.2

    package init() {}

    /// Sessions that it knows of.
    package var count: Int { self.members.count }

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
    package mutating func began() {
        self.since = nil
    }

    /// A pass that only decoded has ended.
    package mutating func passed(rows: Int, blocks: Int, took duration: Duration) {
        guard rows > 0, blocks > 0 else { return }
        let share = Double(Limits.rowsOfReading) / Double(Limits.rowsOfReading + rows)
        self.reading = Self.average(self.reading, duration * share / blocks)
    }

    /// Until when the next pass waits; nil where it begins now.
    ///
    /// - Parameter rows: what is ready, all of which decodes in `blocks`.
    package mutating func pause(
        rows: Int,
        in blocks: BlockRange,
        now: ContinuousClock.Instant
    ) -> ContinuousClock.Instant? {
        guard let reading = self.reading.map({ $0 * blocks.count }), reading >= Limits.shortestGathering else {
            return nil
        }
        let since = self.since ?? now
        let end = since + min(reading * Limits.passesSaved, Limits.longestStall)
        guard now < end, let wait = self.best(rows: rows, in: blocks, reading: reading, now: now) else { return nil }
        self.since = since
        return min(now + wait, end)
    }

    /// How long to wait so that all together gain the most; nil where that is not at all.
    ///
    /// The m-th of those who are awaited comes after δ. Where the pass waits, all m begin δ from now and not after the
    /// pass, so each gains its length less δ; and each row that is here is later by δ and by what m more rows take.
    private func best(
        rows: Int,
        in blocks: BlockRange,
        reading: Duration,
        now: ContinuousClock.Instant
    ) -> Duration? {
        let worth = reading * Limits.passesSaved
        var best: (gain: Duration, wait: Duration)?
        for (index, wait) in self.awaited(in: blocks, reading: reading, now: now).enumerated() {
            let others = index + 1
            let cost = (wait + worth * others / Limits.rowsOfReading) * rows
            let gain = (worth - wait) * others - cost
            if gain > best?.gain ?? .zero { best = (gain, wait) }
        }
        return best?.wait
    }

    /// How long from now until each is back who is away and may be expected, the first first.
    private func awaited(in blocks: BlockRange, reading: Duration, now: ContinuousClock.Instant) -> [Duration] {
        self.members.values.compactMap { member -> Duration? in
            guard member.blocks == blocks, let left = member.left, let absence = member.absence else { return nil }
            let wait = now.duration(to: left + absence)
            // A little late is on the way; later than a pass is not to be waited for.
            return wait + reading > .zero ? max(wait, reading / Limits.rowsOfReading) : nil
        }
        .sorted()
    }

    private static func average(_ before: Duration?, _ value: Duration) -> Duration {
        before.map { $0 + (value - $0) * Self.weight } ?? value
    }
}
