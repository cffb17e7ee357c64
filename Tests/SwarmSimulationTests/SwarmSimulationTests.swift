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
    /// How many are run in a row: a process that runs thousands has something to say in between. Of so many it is known
    /// how many generations end well at least.
    private static let batch: UInt64 = 10
    /// So many swarms leave out nothing that happens in most of them, and so many nothing that happens in some.
    private static let (many, enough): (UInt64, UInt64) = (20, 120)

    /// Runs a scenario, and says how to run it again if something was not as it should be.
    private func run(_ scenario: Scenario, again: String) -> SimulationReport {
        // Said before, so that a trap has a name.
        FileHandle.standardError.write(Data("seed \(scenario.seed), \(scenario.peers) peers\n".utf8))
        let traces = Self.environment["KWAAI_SIMULATION_TRACE"] != nil
        var swarm = VirtualSwarm(scenario, trace: traces ? { print($0) } : nil)
        let report = swarm.run()
        let told = """
            seed \(scenario.seed): \(report)
            again: \(again)
            """
        #expect(report.violations.isEmpty, Comment(rawValue: told))
        if report.failedWithHolders > 0 {
            print("seed \(scenario.seed): \(report.failedWithHolders) failed with holders")
        }
        // Where each block keeps a holder and nobody lies, every generation ends well. Where up to a third lie, one may meet
        // more of them than it has attempts, or spend its search on those whom others made up.
        let isHonest = scenario.liars == 0 && scenario.dhtLiars == 0
        #expect(report.failedWithHolders * 4 <= (isHonest ? 0 : report.generations), Comment(rawValue: told))
        return report
    }

    private static let swiftTest = "KWAAI_SIMULATION_TRACE=1 swift test -c release -Xswiftc -enable-testing --filter"

    // MARK: Drawn swarms

    private func run(_ seeds: Range<UInt64>, peers: Int) -> SimulationReport? {
        let (count, name) = peers < 1000 ? (1, "hundred") : (40, "thousand")
        let start = ContinuousClock.now
        var sum: SimulationReport?
        for seed in seeds {
            let again = "KWAAI_SIMULATION_FIRST=\(seed) KWAAI_SIMULATION_SEEDS=\(count) \(Self.swiftTest) \(name)"
            let report = self.run(Scenario(seed: seed, peers: peers), again: again)
            sum = sum.map { $0 + report } ?? report
        }
        guard let sum else { return nil }
        let minutes = (ContinuousClock.now - start) / .seconds(60)
        print("seeds \(seeds), \(peers) peers: \(Int(Double(sum.generations) / minutes)) generations a minute\n\(sum)")
        // A few swarms alone may lose all holders of a block early, though not many blocks of a large one's.
        let least = seeds.count >= Self.batch ? SimulationReport.wellShare : peers >= 1000 ? 0.25 : 0
        #expect(sum.finishedShare >= least, "seeds \(seeds), \(peers) peers: \(sum)")
        return sum
    }

    @Test func `in swarms of a hundred peers`() async throws {
        let end = Self.first + Self.count
        let sum = await withTaskGroup(of: SimulationReport?.self) { group in
            for seed in stride(from: Self.first, to: end, by: Int(Self.batch)) {
                group.addTask { self.run(seed..<min(seed + Self.batch, end), peers: 100) }
            }
            return await group.compactMap(\.self).reduce(nil) { sum, report in sum.map { $0 + report } ?? report }
        }
        let report = try #require(sum)
        // What does not happen is not tested. A few swarms may be without.
        if Self.count >= Self.many { #expect(report.missingUsual.isEmpty) }
        if Self.count >= Self.enough { #expect(report.missing.isEmpty) }
    }

    @Test func `in a swarm of a thousand peers`() {
        _ = self.run(Self.first..<Self.first + max(Self.count / 40, 1), peers: 1000)
    }

    // MARK: Made ones

    /// Small, and the same whatever range of seeds is run.
    private static func crowded(_ seed: UInt64) -> Scenario {
        var scenario = Scenario(seed: seed, peers: 40)
        (scenario.servers, scenario.coordinators, scenario.generations) = (16, 4, 80)
        (scenario.blockCount, scenario.duration, scenario.longestWay) = (6, .seconds(240), .milliseconds(150))
        (scenario.faultsPerMinute, scenario.packetLoss) = (15, 0.001)
        (scenario.liars, scenario.pushers) = (0.3, 1)
        scenario.keepsHolders = false
        return scenario
    }

    @Test func `in crowded swarms, where much fails and many lie, everything happens that may`() async throws {
        let sum = await withTaskGroup(of: SimulationReport.self) { group in
            for seed in 1...24 as ClosedRange<UInt64> {
                group.addTask { self.run(Self.crowded(seed), again: "\(Self.swiftTest) crowded") }
            }
            return await group.reduce(nil as SimulationReport?) { sum, report in sum.map { $0 + report } ?? report }
        }
        let report = try #require(sum)
        print("crowded swarms:\n\(report)")
        #expect(report.missing.isEmpty)
    }

    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func `where nothing fails every generation ends well, and closes every session`(seed: UInt64) {
        var scenario = Scenario(seed: seed, peers: 60)
        scenario.keepsHolders = true
        (scenario.faultsPerMinute, scenario.packetLoss) = (0, 0)
        (scenario.liars, scenario.dhtLiars) = (0, 0)
        let report = self.run(scenario, again: "\(Self.swiftTest) 'nothing fails every generation'")
        #expect(report.finishedShare == 1)
        #expect(report.expiredSessions == 0)
    }

    // MARK: Seeds

    private static let digests = Self.runAndDigest()

    private static func runAndDigest() -> String {
        (77...79 as ClosedRange<UInt64>).map { seed in
            var swarm = VirtualSwarm(Scenario(seed: seed, peers: 60))
            return String(swarm.run().digest, radix: 16)
        }.joined(separator: " ")
    }

    @Test func `a seed is one world, event by event, and another seed another one`() {
        #expect(Self.digests == Self.runAndDigest())
        #expect(Set(Self.digests.split(separator: " ")).count == 3)
    }

    @Test func `a seed is the same world in another process, where dictionaries have another order`() async throws {
        let result = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
            print("digests: \(SwarmSimulationTests.runAndDigest())")
        }
        let output = String(decoding: try #require(result).standardOutputContent, as: UTF8.self)
        #expect(output.contains("digests: \(Self.digests)"), "\(output)")
    }
}
