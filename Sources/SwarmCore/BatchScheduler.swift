package import P2PWire
package import ShardProtocol

/// Which of the steps that are ready make up the next pass over the weights.
///
/// A value: steps come in, passes go out; the shell computes them. One pass runs at a time, over one span:
///
/// - The peer that has had the least leads (``FairShares``), and chooses the span by the step that it has had ready for
///   longest. A peer that has not led for long goes first whatever it had: nothing starves, however many peers are new.
/// - All who decode in that span share its pass, since a pass of eight rows hardly takes longer than one of a single row.
///   What room is left goes to prefills, in portions.
/// - While somebody decodes, portions are no larger than what the machine computes in `Limits.longestStall`.
///
/// A session has one step ready at a time, so its steps keep their order.
package struct BatchScheduler: Sendable {
    /// A step that its session lets run now.
    package struct Step: Hashable, Sendable {
        package var id: StepID
        package var peer: PeerID
        package var blocks: BlockRange
        package var tokenCount: Int

        package init(id: StepID, peer: PeerID, blocks: BlockRange, tokenCount: Int) {
            self.id = id
            self.peer = peer
            self.blocks = blocks
            self.tokenCount = tokenCount
        }

        var isDecoding: Bool { self.tokenCount <= Limits.decodingTokens }
    }

    /// One pass over the weights of some blocks.
    package struct Batch: Hashable, Sendable {
        package var blocks: BlockRange
        /// Each of another step; none is empty.
        package var portions: [Portion]

        /// Tokens of all of them.
        package var rows: Int { self.portions.reduce(0) { $0 + $1.tokens.count } }
    }

    /// Some tokens of one step.
    package struct Portion: Hashable, Sendable {
        package var id: StepID
        /// Of the step's own, counted from 0.
        package var tokens: Range<Int>
        /// Whether the step is done after it.
        package var isLast: Bool
    }

    struct Entry: Sendable {
        let step: Step
        var done = 0
        /// Passes that had begun when it, or the rest of it, became ready.
        var readySince: Int

        var remaining: Int { self.step.tokenCount - self.done }
    }

    /// In the order in which they became ready.
    var waiting: [Entry] = []
    /// Of the pass that runs, with the rows that each has in it.
    var running: [(entry: Entry, rows: Int)] = []
    var shares = FairShares()
    var pace = Pace()
    /// Passes that have begun.
    package internal(set) var passCount = 0
    /// The last of them that somebody decoded in.
    var lastDecoding: Int?
    let rowsPerPass: Int

    /// - Parameter rowsPerPass: the most tokens that one pass takes; at least twice `Limits.smallestPortion`.
    package init(rowsPerPass: Int) {
        self.rowsPerPass = max(rowsPerPass, 2 * Limits.smallestPortion)
    }

    /// Steps that are ready, or the rest of which is, and that are not in a pass.
    package var waitingCount: Int { self.waiting.count }

    /// The span in which all that waits decodes, and its rows; nil where anybody waits for something else.
    package var decoding: (blocks: BlockRange, rows: Int)? {
        guard let blocks = self.waiting.first?.step.blocks else { return nil }
        guard self.waiting.allSatisfy({ $0.step.isDecoding && $0.step.blocks == blocks }) else { return nil }
        return (blocks, self.waiting.reduce(0) { $0 + $1.remaining })
    }

    /// The step that waits, where it is the only one.
    package var onlyWaiting: Step? { self.waiting.count == 1 ? self.waiting.first?.step : nil }
}

// MARK: Arriving and leaving

extension BatchScheduler {
    /// A step became ready.
    ///
    /// - Returns: nil where it was taken; how long until there may be room where it was not.
    package mutating func ready(_ step: Step) -> Duration? {
        let peers = self.waiting.map(\.step.peer) + self.running.map(\.entry.step.peer)
        guard peers.count < Limits.queuedSteps, peers.count(where: { $0 == step.peer }) < Limits.queuedStepsOfPeer
        else { return self.timeUntilRoom }
        self.waiting.append(Entry(step: step, readySince: self.passCount))
        return nil
    }

    /// Nobody wants a step's answer any more.
    ///
    /// - Returns: whether it is dropped; one that has begun goes on to its end.
    package mutating func abandoned(_ id: StepID) -> Bool {
        guard let index = self.waiting.firstIndex(where: { $0.step.id == id && $0.done == 0 }) else { return false }
        self.waiting.remove(at: index)
        return true
    }

    /// How long all that is queued takes at the pace measured: whoever asks again then finds room.
    private var timeUntilRoom: Duration {
        let entries = self.waiting + self.running.map(\.entry)
        let work = entries.reduce(0) { $0 + $1.remaining * $1.step.blocks.count }
        return min(max(self.pace.time(of: work), Limits.retryAfter.lowerBound), Limits.retryAfter.upperBound)
    }
}
