internal import P2PWire
internal import ShardProtocol

extension BatchScheduler {
    /// The next pass; nil while one runs, and where nothing is ready.
    package mutating func next() -> Batch? {
        guard self.running.isEmpty, let leader = self.leader else { return nil }
        self.passCount += 1
        self.shares.lead(leader.step.peer, in: self.passCount, among: self.waiting.lazy.map(\.step.peer))
        let blocks = leader.step.blocks
        // Whoever leads is sure of a place in its pass.
        var portions: [Portion] = []
        var room = self.rowsPerPass
        if leader.step.isDecoding {
            portions.append(self.take(leader, rows: leader.remaining))
            room -= leader.remaining
        } else {
            room -= Limits.smallestPortion
        }
        while let entry = self.fairest(in: blocks, isDecoding: true, upTo: room) {
            portions.append(self.take(entry, rows: entry.remaining))
            room -= entry.remaining
        }
        if !portions.isEmpty { self.lastDecoding = self.passCount }
        room = self.prefillRows(blocks, beside: portions.reduce(0) { $0 + $1.tokens.count })
        var prefill = leader.step.isDecoding ? nil : leader
        while room > 0, let entry = prefill ?? self.fairest(in: blocks, isDecoding: false) {
            let rows = min(entry.remaining, room)
            portions.append(self.take(entry, rows: rows))
            room -= rows
            prefill = nil
        }
        return Batch(blocks: blocks, portions: portions)
    }

    /// The pass that `next` gave has ended.
    ///
    /// - Parameters:
    ///   - failed: steps of it that go no further.
    ///   - duration: what it took.
    package mutating func ended(failed: Set<StepID> = [], took duration: Duration) {
        guard let blocks = self.running.first?.entry.step.blocks else { return }
        self.pace.measured(rows: self.running.reduce(0) { $0 + $1.rows }, blocks: blocks.count, took: duration)
        for (part, rows) in self.running where !failed.contains(part.step.id) && rows < part.remaining {
            var entry = part
            entry.done += rows
            // Behind whatever came meanwhile: a portion at a time.
            entry.readySince = self.passCount
            self.waiting.append(entry)
        }
        self.running = []
    }

    /// Whose turn it is: a peer that has waited for its own for too long, else the one that has had the least; and of its
    /// steps the one that has been ready for longest.
    private var leader: Entry? {
        let late = self.waiting.first { entry in
            let since = max(entry.readySince, self.shares.lastLed(by: entry.step.peer) ?? 0)
            return self.passCount - since >= Limits.passesOver
        }
        return late ?? self.fairest { _ in true }
    }

    /// The first step in a span of the peer that has had the least.
    private func fairest(in blocks: BlockRange, isDecoding: Bool, upTo rows: Int = .max) -> Entry? {
        self.fairest { entry in
            guard entry.step.blocks == blocks, entry.step.isDecoding == isDecoding else { return false }
            return !isDecoding || entry.remaining <= rows
        }
    }

    /// Among those of one peer, and of peers that have had the same, the first that became ready.
    private func fairest(where isEligible: (Entry) -> Bool) -> Entry? {
        var best: (entry: Entry, used: Int)?
        for entry in self.waiting where isEligible(entry) {
            let used = self.shares.used(by: entry.step.peer)
            if best.map({ used < $0.used }) ?? true { best = (entry, used) }
        }
        return best?.entry
    }

    /// Puts some more rows of a step into the pass, on its peer's account.
    private mutating func take(_ entry: Entry, rows: Int) -> Portion {
        self.waiting.removeAll { $0.step.id == entry.step.id }
        self.running.append((entry, rows))
        self.shares.charge(entry.step.peer, rows: rows)
        return Portion(
            id: entry.step.id,
            tokens: entry.done..<entry.done + rows,
            isLast: rows == entry.remaining
        )
    }

    /// How many rows prefills get beside so many that decode.
    private func prefillRows(_ blocks: BlockRange, beside decoding: Int) -> Int {
        let room = self.rowsPerPass - decoding
        guard let last = self.lastDecoding, self.passCount - last < Limits.passesSinceDecoding else { return room }
        let rows = self.pace.rows(in: Limits.longestStall, blocks: blocks.count) ?? Limits.firstPortion
        return min(room, max(rows - decoding, Limits.smallestPortion))
    }
}
