internal import P2PCore
internal import P2PWire

/// Runs `body` and cancels it when `timeout` has passed.
///
/// - Throws: what `body` throws, or `ShardError` with `timedOut`.
func withDeadline<Value: Sendable>(
    _ timeout: Duration,
    for peer: PeerID,
    _ body: @escaping @Sendable () async throws(ShardError) -> Value
) async throws(ShardError) -> Value {
    let result = await withTaskGroup(of: Result<Value, ShardError>?.self) { group in
        group.addTask {
            do throws(ShardError) { return .success(try await body()) } catch { return .failure(error) }
        }
        group.addTask {
            // Only the deadline's own cancellation ends the sleep early, and then nobody looks at its value.
            try? await Task.sleep(for: timeout)
            return nil
        }
        defer { group.cancelAll() }
        return await group.next() ?? nil
    }
    guard let result else {
        throw ShardError(code: .timedOut, message: "\(peer) did not answer within \(timeout)")
    }
    return try result.get()
}

extension ShardError {
    /// What a failure of the network means for an exchange with `peer`.
    init(_ error: P2PError, from peer: PeerID) {
        let code: Code =
            switch error.code {
            case .unsupportedProtocol: .unsupportedProtocol
            case .timedOut: .timedOut
            default: .unreachable
            }
        self.init(code: code, message: "\(peer): \(error.message)")
    }
}
