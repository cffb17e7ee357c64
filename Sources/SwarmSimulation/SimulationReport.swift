package import ShardProtocol
package import SwarmCore

/// What happened in a virtual swarm.
public struct SimulationReport: Sendable {
    public let scenario: Scenario
    /// What must not happen and did, in words; empty where all is as it should be.
    public private(set) var violations: [String] = []
    /// The same for the same seed.
    public private(set) var digest: UInt64 = 0
    public internal(set) var generations = 0
    public private(set) var tokens = 0
    package private(set) var ends: [GenerationEnd: Int] = [:]
    package internal(set) var losses: [Loss: Int] = [:]
    package internal(set) var refusals: [ReplyCode: Int] = [:]
    /// Spans that went to others in the middle of a generation, by why they did.
    package private(set) var recoveriesByLoss: [Loss: Int] = [:]
    /// Tokens that were run again because of that.
    public private(set) var replayedTokens = 0
    /// Generations that failed although each block had a holder that never did.
    public internal(set) var failedWithHolders = 0
    public private(set) var longestGeneration = Duration.zero
    var faults = 0
    var steps = 0
    var fed = 0
    var resent = 0
    var late = 0
    var bans = 0
    /// Answers `busy` that coordinators heard, and that servers gave.
    var busy = 0
    var busyServers = 0
    var reopened = 0
    var searches = 0
    /// Sessions that servers forgot because their coordinators had not closed them, though they could have.
    public internal(set) var expiredSessions = 0
    /// How often passes waited for company.
    var gatherings = 0
    var moves = 0
    var curtailed = 0
    /// Steps that came from hop to hop, and those that were to and got lost.
    public internal(set) var pushedSteps = 0
    public internal(set) var strayedSteps = 0
    /// Ways from hop to hop that were opened, and those that could not be.
    var edges = 0
    var unopenedEdges = 0
    /// Those of which their hop said that they broke.
    var brokenEdges = 0
    /// Pushes that hops could not send, and those that hops did not take.
    var unpushed = 0
    var refusedPushes = 0
    var events = 0

    init(scenario: Scenario) {
        self.scenario = scenario
    }

    mutating func note(_ time: Duration, _ kind: UInt64, _ subject: UInt64) {
        self.events += 1
        let (seconds, attoseconds) = time.components
        let moment = UInt64(bitPattern: seconds) &* 1_000_000_000 &+ UInt64(bitPattern: attoseconds / 1_000_000_000)
        self.digest = ToyModel.mix(self.digest ^ ToyModel.mix(moment ^ ToyModel.mix(kind << 56 ^ subject)))
    }

    mutating func violated(_ text: String) {
        guard self.violations.count < 100 else { return }
        self.violations.append(text)
    }

    mutating func recovered(_ recoveries: [(loss: Loss, tokens: Int, duration: Duration)]) {
        for recovery in recoveries { self.recoveriesByLoss[recovery.loss, default: 0] += 1 }
        self.replayedTokens += recoveries.reduce(0) { $0 + $1.tokens }
    }

    mutating func ended(_ end: GenerationEnd, after duration: Duration, tokens: Int) {
        self.ends[end, default: 0] += 1
        self.tokens += tokens
        self.longestGeneration = max(self.longestGeneration, duration)
        switch end {
        case .wrong: self.violated("a generation ended with other tokens than it should")
        case .hung: self.violated("a generation did not end")
        case .finished, .noRoute, .lost, .cancelled, .vanished: break
        }
    }

    /// Several runs in one.
    public static func + (left: SimulationReport, right: SimulationReport) -> SimulationReport {
        var sum = left
        sum.violations += right.violations
        sum.digest = ToyModel.mix(left.digest ^ right.digest)
        sum.ends.merge(right.ends, uniquingKeysWith: +)
        sum.losses.merge(right.losses, uniquingKeysWith: +)
        sum.refusals.merge(right.refusals, uniquingKeysWith: +)
        sum.longestGeneration = max(left.longestGeneration, right.longestGeneration)
        sum.generations += right.generations
        sum.tokens += right.tokens
        sum.recoveriesByLoss.merge(right.recoveriesByLoss, uniquingKeysWith: +)
        sum.replayedTokens += right.replayedTokens
        sum.failedWithHolders += right.failedWithHolders
        sum.faults += right.faults
        sum.steps += right.steps
        sum.fed += right.fed
        sum.resent += right.resent
        sum.late += right.late
        sum.bans += right.bans
        sum.busy += right.busy
        sum.busyServers += right.busyServers
        sum.reopened += right.reopened
        sum.searches += right.searches
        sum.expiredSessions += right.expiredSessions
        sum.gatherings += right.gatherings
        sum.moves += right.moves
        sum.curtailed += right.curtailed
        sum.edges += right.edges
        sum.unopenedEdges += right.unopenedEdges
        sum.brokenEdges += right.brokenEdges
        sum.pushedSteps += right.pushedSteps
        sum.strayedSteps += right.strayedSteps
        sum.unpushed += right.unpushed
        sum.refusedPushes += right.refusedPushes
        sum.events += right.events
        return sum
    }
}

extension SimulationReport: CustomStringConvertible {
    public var description: String {
        func list<Key>(_ counts: [Key: Int]) -> String {
            counts.sorted { ($1.value, "\($0.key)") < ($0.value, "\($1.key)") }.map { "\($0.key) \($0.value)" }
                .joined(separator: ", ")
        }
        return """
            \(self.generations) generations, \(self.tokens) tokens, \(self.steps) steps, \(self.events) events
            ends: \(list(self.ends)); the longest took \(self.longestGeneration)
            \(self.failedWithHolders) failed although every block had a holder that never failed
            \(self.faults) faults; \(self.recoveries) recoveries (\(list(self.recoveriesByLoss))), \(self.replayedTokens) tokens run again; \
            losses: \(list(self.losses))
            \(self.bans) bans, \(self.busy) answers busy of \(self.busyServers), \(self.late) late steps, \
            \(self.resent) sent again, \(self.reopened) sessions reopened, \(self.fed) steps for understudies
            \(self.searches) searches, \(self.moves) moves, \(self.curtailed) prompts interrupted, \(self.gatherings) waits for company, \
            \(self.expiredSessions) sessions not closed; refusals: \(list(self.refusals))
            \(self.edges) ways opened, \(self.unopenedEdges) could not be, \(self.brokenEdges) broke; \(self.pushedSteps) pushed steps answered, \
            \(self.strayedSteps) astray, \(self.unpushed) not sent on, \(self.refusedPushes) not taken
            """
    }
}
