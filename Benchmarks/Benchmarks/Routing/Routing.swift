import Benchmark
import KademliaSimulation

/// Rounds of a Kademlia lookup: requests that wait for each other, so what a lookup costs in round trips.
let benchmarks: @Sendable () -> Void = {
    let rounds = BenchmarkMetric.custom("rounds", polarity: .prefersSmaller, useScalingFactor: false)
    let requests = BenchmarkMetric.custom("requests", polarity: .prefersSmaller, useScalingFactor: false)
    let closest = BenchmarkMetric.custom("found the closest, ‰", polarity: .prefersLarger, useScalingFactor: false)
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
                benchmark.measurement(closest, report.closestFoundCount * 1000 / report.lookupCount)
            }
        }
    }
}
