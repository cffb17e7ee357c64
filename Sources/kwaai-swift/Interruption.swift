import UnixSignals

/// Runs `body` until it ends or the user presses Ctrl-C, which cancels it; `body` may then still clean up.
///
/// - Parameter isHandled: asked at each Ctrl-C; where it says so, nothing is cancelled.
/// - Throws: what `body` threw, or ``Interrupted``.
func withInterruption<Result: Sendable>(
    unless isHandled: @escaping @Sendable () -> Bool = { false },
    _ body: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
    return try await withThrowingTaskGroup(of: Result?.self) { group in
        group.addTask { try await body() }
        group.addTask {
            for await signal in signals where signal != .sigint || !isHandled() { return nil }
            return nil
        }
        defer { group.cancelAll() }
        guard let first = try await group.next(), let result = first else {
            group.cancelAll()
            // Whatever the body throws on its way out, the reason is the signal.
            while !group.isEmpty { _ = try? await group.next() }
            throw Interrupted()
        }
        return result
    }
}
