/// Runs `body`, and cancels it when it takes longer than `duration`.
///
/// - Throws: `timedOut`, naming `activity`, or what `body` throws.
package func withDeadline<Value: Sendable>(
    _ duration: Duration,
    _ activity: String,
    _ body: @escaping @Sendable () async throws(P2PError) -> Value
) async throws(P2PError) -> Value {
    let result = await withTaskGroup(of: Result<Value, P2PError>?.self) { group in
        group.addTask {
            do throws(P2PError) { return .success(try await body()) } catch { return .failure(error) }
        }
        group.addTask {
            // It throws when the body was faster and cancelled it.
            try? await pause(for: duration)
            return nil
        }
        let first = await group.next() ?? nil
        group.cancelAll()
        return first
    }
    guard let result else {
        if Task.isCancelled { throw .cancelled }
        throw P2PError(.timedOut, "\(activity) took longer than \(duration); try again later")
    }
    return try result.get()
}
