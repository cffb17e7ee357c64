import Benchmark
import KademliaSimulation

/// Rounds of a Kademlia lookup: requests that wait for each other, so what a lookup costs in round trips. And what it
/// finds when nodes vanish, come and go, or lie.
let benchmarks: @Sendable () -> Void = {
    let rounds = BenchmarkMetric.custom("rounds", polarity: .prefersSmaller, useScalingFactor: false)
    let requests = BenchmarkMetric.custom("requests", polarity: .prefersSmaller, useScalingFactor: false)
    let closest = BenchmarkMetric.custom("found the closest, ‰", polarity: .prefersLarger, useScalingFactor: false)
    let honest = BenchmarkMetric.custom("found all the honest, ‰", polarity: .prefersLarger, useScalingFactor: false)
    let records = BenchmarkMetric.custom("found the record, ‰", polarity: .prefersLarger, useScalingFactor: false)

    func perMille(_ part: Int, of whole: Int) -> Int { whole > 0 ? part * 1_000 / whole : 0 }

    for nodeCount in [100, 1_000, 10_000] {
        for goneShare in [0.0, 0.2] {
            let suffix = goneShare > 0 ? ", \(Int(goneShare * 100)) % of them gone" : ""
            Benchmark(
                "200 lookups among \(nodeCount) nodes\(suffix)",
                configuration: .init(metrics: [rounds, requests, closest], warmupIterations: 0, maxIterations: 1)
            ) { benchmark in
                var simulation = Simulation(nodeCount: nodeCount, seed: 1)
                if goneShare > 0 { simulation.remove(fraction: goneShare) }
                let report = simulation.lookups(200)
                for value in report.rounds { benchmark.measurement(rounds, value) }
                for value in report.requests { benchmark.measurement(requests, value) }
                benchmark.measurement(closest, perMille(report.closestFoundCount, of: report.lookupCount))
            }
        }
    }

    // One kind of liar at a time, and then all of them; what the paths are worth.
    let kinds = Adversary.Lie.allCases.map { ("\($0)", [$0]) } + [("all of these", Adversary.Lie.allCases)]
    for (name, lies) in kinds {
        for paths in [1, 2, 4] {
            Benchmark(
                "200 lookups and records among 10,000 nodes, 10 % liars: \(name), \(paths) paths",
                configuration: .init(
                    metrics: [rounds, requests, honest, records],
                    warmupIterations: 0,
                    maxIterations: 1
                )
            ) { benchmark in
                var settings = Simulation.Settings()
                settings.paths = paths
                let adversary = Adversary(lies: lies)
                var simulation = Simulation(nodeCount: 10_000, seed: 1, adversary: adversary, settings: settings)
                let report = simulation.lookups(200)
                for value in report.rounds { benchmark.measurement(rounds, value) }
                for value in report.requests { benchmark.measurement(requests, value) }
                benchmark.measurement(honest, perMille(report.honestFoundCount, of: report.lookupCount))
                let stored = simulation.records(200)
                benchmark.measurement(records, perMille(stored.foundCount, of: stored.recordCount))
            }
        }
    }

    for lying in [0.0, 0.1] {
        Benchmark(
            "an hour of churn among 10,000 nodes that stay an hour\(lying > 0 ? ", 10 % of them liars" : "")",
            configuration: .init(
                metrics: [rounds, requests, honest, records],
                warmupIterations: 0,
                maxDuration: .seconds(600),
                maxIterations: 1
            )
        ) { benchmark in
            let adversary = Adversary(fraction: lying)
            var simulation = Simulation(nodeCount: 10_000, seed: 1, adversary: adversary)
            let report = simulation.endure(Churn(minutes: 60, meanSession: 60))
            for value in report.lookups.rounds { benchmark.measurement(rounds, value) }
            for value in report.lookups.requests { benchmark.measurement(requests, value) }
            let found = report.lookups
            benchmark.measurement(honest, perMille(found.honestFoundCount, of: found.lookupCount))
            benchmark.measurement(records, perMille(report.records.foundCount, of: report.records.recordCount))
        }
    }
}
