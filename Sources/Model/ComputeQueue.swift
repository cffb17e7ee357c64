import Dispatch

/// A thread of its own for matrix products.
///
/// A forward pass takes milliseconds; on an event loop it would hold up every connection, on the cooperative pool every
/// task (STYLE.md, habit 6). Passes handed to one queue run one after another, in the order in which they came.
public final class ComputeQueue: Sendable {
    private let queue: DispatchQueue

    /// - Parameter label: what a debugger or `perf` shows for the thread.
    public init(label: String) {
        self.queue = DispatchQueue(label: label, qos: .userInitiated)
    }

    /// Runs `body` on the queue's thread and returns what it returned.
    ///
    /// Cancelling the calling task does not stop a pass that has begun: a step, once begun, commits (DESIGN.md §5).
    public func run<Success: Sendable, Failure: Error>(
        _ body: @escaping @Sendable () throws(Failure) -> Success
    ) async throws(Failure) -> Success {
        let result: Result<Success, Failure> = await withUnsafeContinuation { continuation in
            self.queue.async {
                continuation.resume(returning: Result(catching: body))
            }
        }
        return try result.get()
    }
}
