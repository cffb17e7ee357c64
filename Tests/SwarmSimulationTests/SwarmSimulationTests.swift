import Foundation
import SwarmSimulation
import Testing

/// Whole swarms in virtual time, each drawn from a seed.
///
///     KWAAI_SIMULATION_SEEDS=5000 swift test -c release -Xswiftc -enable-testing --filter SwarmSimulationTests
///
/// runs as many as you like, from `KWAAI_SIMULATION_FIRST` on, and says what happened in all of them. With
/// `KWAAI_SIMULATION_TRACE=1` a run is told as it goes.
@Suite struct SwarmSimulationTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let count = Self.environment["KWAAI_SIMULATION_SEEDS"].flatMap { UInt64($0) } ?? 20
    private static let first = Self.environment["KWAAI_SIMULATION_FIRST"].flatMap { UInt64($0) } ?? 1
    /// How many are one test: a process that runs thousands has something to say in between.
    private static let batch: UInt64 = 10

    private static func seeds(_ share: UInt64) -> [UInt64] {
        stride(from: Self.first, to: Self.first + max(Self.count / share, 1), by: Int(Self.batch)).map { $0 }
    }

    /// Runs a scenario, and says how to run it again if something was not as it should be.
    private func run(_ scenario: Scenario) -> SimulationReport {
        let traces = Self.environment["KWAAI_SIMULATION_TRACE"] != nil
        var swarm = VirtualSwarm(scenario, trace: traces ? { print($0) } : nil)
        let report = swarm.run()
        let again = """
            \(report)
            again: KWAAI_SIMULATION_FIRST=\(scenario.seed) KWAAI_SIMULATION_SEEDS=\(scenario.peers >= 1000 ? 40 : 1) \
            KWAAI_SIMULATION_TRACE=1 swift test -c release -Xswiftc -enable-testing --filter \(scenario.peers >= 1000 ? "thousand" : "hundred")
            """
        #expect(report.violations.isEmpty, Comment(rawValue: again))
        if report.failedWithHolders > 0 {
            print("seed \(scenario.seed): \(report.failedWithHolders) failed with holders")
        }
        // Where each block keeps a holder and nobody lies, every generation ends well. Where up to a third lie, one may meet
        // more of them than it has attempts, or spend its search on those whom others made up.
        let isHonest = scenario.liars == 0 && scenario.dhtLiars == 0
        #expect(
            report.failedWithHolders * 4 <= (isHonest ? 0 : report.generations),
            Comment(rawValue: again)
        )
        return report
    }

    private func run(_ seeds: Range<UInt64>, peers: Int) {
        let start = ContinuousClock.now
        var sum: SimulationReport?
        for seed in seeds {
            let report = self.run(Scenario(seed: seed, peers: peers))
            sum = sum.map { $0 + report } ?? report
        }
        guard let sum else { return }
        let minutes = (ContinuousClock.now - start) / .seconds(60)
        print("seeds \(seeds), \(peers) peers: \(Int(Double(sum.generations) / minutes)) generations a minute\n\(sum)")
        #expect(sum.generations > 0)
        // What does not happen is not tested. One swarm may be without.
        #expect(seeds.count < 5 || sum.pushedSteps > 0 && sum.strayedSteps > 0)
    }

    @Test(arguments: Self.seeds(1)) func `in a swarm of a hundred peers`(first: UInt64) {
        self.run(first..<min(first + Self.batch, Self.first + Self.count), peers: 100)
    }

    @Test(.enabled(if: Self.count >= 40, "takes minutes: set KWAAI_SIMULATION_SEEDS to 40 or more"))
    func `in a swarm of a thousand peers`() {
        self.run(Self.first..<Self.first + max(Self.count / 40, 1), peers: 1000)
    }

    @Test func `the same seed is the same world, event by event`() {
        let scenario = Scenario(seed: 77, peers: 60)
        var digests: Set<UInt64> = []
        for _ in 0..<2 {
            var swarm = VirtualSwarm(scenario)
            digests.insert(swarm.run().digest)
        }
        #expect(digests.count == 1)
        var other = VirtualSwarm(Scenario(seed: 78, peers: 60))
        #expect(!digests.contains(other.run().digest))
    }
}
