internal import SwarmCore

/// What must have happened where many swarms were run: what never happens is not tested.
extension SimulationReport {
    public var recoveries: Int { self.recoveriesByLoss.values.reduce(0, +) }

    /// Of the generations that nobody took back, the share that ended with all of their tokens.
    package var finishedShare: Double {
        let ends = self.ends.filter { $0.key != .cancelled && $0.key != .vanished }
        let count = ends.values.reduce(0, +)
        return count > 0 ? Double(ends[.finished] ?? 0) / Double(count) : 0
    }

    /// The least ``finishedShare`` of ten swarms where all is well: nine in ten do, and in a single swarm whose blocks lose all
    /// of their holders half of them.
    package static let wellShare = 0.7

    /// What happens in two swarms of three.
    private var usual: [(name: String, count: Int)] {
        [
            ("hops that were gone", self.recoveriesByLoss[.gone] ?? 0),
            ("late hops", self.recoveriesByLoss[.late] ?? 0),
            ("late steps", self.late), ("steps sent again", self.resent), ("tokens run again", self.replayedTokens),
            ("bans", self.bans), ("steps for understudies", self.fed), ("moves", self.moves),
            ("waits for company", self.gatherings), ("ways opened", self.edges),
            ("pushed steps answered", self.pushedSteps),
        ]
    }

    /// What happens in one swarm of eight, or more often.
    private var rare: [(name: String, count: Int)] {
        [
            ("hops that had forgotten", self.recoveriesByLoss[.forgotten] ?? 0),
            ("hops that left", self.recoveriesByLoss[.leaving] ?? 0),
            ("hops that were unable", self.recoveriesByLoss[.unable] ?? 0),
            ("answers busy", self.busy), ("reopened sessions", self.reopened), ("prompts interrupted", self.curtailed),
            ("ways that could not be opened", self.unopenedEdges), ("ways that broke", self.brokenEdges),
            ("pushed steps astray", self.strayedSteps), ("pushes not sent on", self.unpushed),
            ("pushes not taken", self.refusedPushes),
        ]
    }

    /// What never happened, of what happens in two swarms of three.
    package var missingUsual: [String] { self.usual.filter { $0.count == 0 }.map(\.name) }

    /// What never happened, of all that may.
    package var missing: [String] { self.missingUsual + self.rare.filter { $0.count == 0 }.map(\.name) }
}
