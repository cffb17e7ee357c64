import Benchmark
import Coordinator
import DemoModel

/// The demo model in one process and over three peers on loopback, in the same run: what the network costs.
let benchmarks: @Sendable () -> Void = {
    let tokenRate = BenchmarkMetric.custom("tokens/s", polarity: .prefersLarger, useScalingFactor: false)
    let hopOverhead = BenchmarkMetric.custom(
        "µs a hop beyond compute",
        polarity: .prefersSmaller,
        useScalingFactor: false
    )
    let options = GenerationOptions(sampling: .greedy, maxTokens: 200, ignoresEndOfSequence: true)

    Benchmark(
        "200 tokens in one process",
        configuration: .init(metrics: [tokenRate, .instructions], maxDuration: .seconds(20), maxIterations: 5)
    ) { benchmark in
        let coordinator = try demoCoordinator()
        let prompt = try coordinator.tokens(of: "Once upon a time")
        let generation = try await coordinator.generateLocally(prompt, options: options, threads: 1)
        benchmark.measurement(tokenRate, Int(generation.statistics.tokensPerSecond))
    }

    Benchmark(
        "200 tokens over three peers",
        configuration: .init(
            metrics: [tokenRate, hopOverhead, .instructions, .readSyscalls, .writeSyscalls],
            maxDuration: .seconds(20),
            maxIterations: 5
        )
    ) { benchmark in
        try await withDemoPeers(["0..8", "8..16", "16..24"]) { host, dht in
            let coordinator = try demoCoordinator()
            let prompt = try coordinator.tokens(of: "Once upon a time")
            benchmark.startMeasurement()
            let generation = try await coordinator.generate(
                prompt,
                options: options,
                over: .discovered(dht),
                host: host
            )
            benchmark.stopMeasurement()
            benchmark.measurement(tokenRate, Int(generation.statistics.tokensPerSecond))
            for hop in generation.statistics.hops {
                let overhead = hop.queue + hop.serialise + hop.network
                benchmark.measurement(hopOverhead, Int(overhead / hop.steps / .microseconds(1)))
            }
        }
    }
}

func demoCoordinator() throws -> Coordinator {
    try Coordinator(model: DemoModel.directory(), tokenizer: DemoModel.tokenizer())
}
