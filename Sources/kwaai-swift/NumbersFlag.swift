import ArgumentParser
import Prometheus

/// Telling what this process counts while it generates.
struct NumbersFlag: ParsableArguments {
    // No setting: the port of a `serve` on the same machine would be taken.
    @Option(
        help: ArgumentHelp(
            "Tell the numbers of this process to Prometheus at http://127.0.0.1:PORT/metrics while it runs; 0 takes a free "
                + "port.",
            valueName: "port"
        ),
        transform: { try MetricsAddress($0) }
    )
    var metricsPort: MetricsAddress?

    /// Runs `body`, whose numbers are told meanwhile where that is wanted.
    ///
    /// - Throws: what `body` throws; `MetricsError` when the port cannot be opened.
    func whileTelling<Result: Sendable>(
        _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        guard let address = self.metricsPort else { return try await body() }
        let server = MetricsServer.counting(at: address)
        return try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask {
                try await server.run { port in
                    Terminal.say("Numbers for Prometheus are at http://127.0.0.1:\(port)/metrics")
                }
                return nil
            }
            group.addTask { try await body() }
            defer { group.cancelAll() }
            while let ended = try await group.next() {
                if let result = ended { return result }
            }
            throw CancellationError()
        }
    }
}
