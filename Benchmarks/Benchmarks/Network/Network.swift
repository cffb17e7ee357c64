import Benchmark
import NIOCore

/// Echoes over Noise and Yamux on loopback, beside the same echo over bare TCP in the same run: the ratio is what our
/// encryption, multiplexing and framing cost.
let benchmarks: @Sendable () -> Void = {
    let perEcho = BenchmarkMetric.custom("µs an echo", polarity: .prefersSmaller, useScalingFactor: false)
    let configuration = Benchmark.Configuration(
        metrics: [perEcho, .instructions, .readSyscalls, .writeSyscalls],
        warmupIterations: 1,
        maxDuration: .seconds(10),
        maxIterations: 5
    )
    for (name, size) in [("8 KiB", 8 << 10), ("1 MiB", 1 << 20)] {
        // 32 MiB in one measurement, so that setting up the connection does not count.
        let count = (32 << 20) / size / 2
        let message = ByteBuffer(repeating: 7, count: size)

        Benchmark("\(name) echo over Noise and Yamux", configuration: configuration) { benchmark in
            try await withNoiseEcho { echo in
                try await measure(benchmark, perEcho, count: count) { try await echo(message) }
            }
        }
        Benchmark("\(name) echo over TCP", configuration: configuration) { benchmark in
            try await withTCPEcho { echo in
                try await measure(benchmark, perEcho, count: count) { try await echo(message) }
            }
        }
    }
}

/// Records how long each of `count` echoes takes, after a few that warm up the windows.
func measure(
    _ benchmark: Benchmark,
    _ metric: BenchmarkMetric,
    count: Int,
    _ echo: () async throws -> Void
) async throws {
    let clock = ContinuousClock()
    for _ in 0..<8 { try await echo() }
    benchmark.startMeasurement()
    for _ in 0..<count {
        let elapsed = try await clock.measure { try await echo() }
        benchmark.measurement(metric, Int(elapsed / .microseconds(1)))
    }
    benchmark.stopMeasurement()
}
