import Dispatch

/// A thread of its own for matrix products.
///
/// A forward pass takes milliseconds; on an event loop it would hold up every connection, on the cooperative pool every
/// task (STYLE.md, habit 6). Passes handed to one queue run one after another, in the order in which they came.
///
/// Handing a pass over wakes two threads, there and back. A task that has nothing to do but passes can live here
/// altogether, with `withTaskExecutorPreference`; it then runs them where it stands.
public final class ComputeQueue: TaskExecutor {
    private let queue: DispatchQueue
    private static let own = DispatchSpecificKey<ObjectIdentifier>()

    /// - Parameter label: what a debugger or `perf` shows for the thread.
    public init(label: String) {
        self.queue = DispatchQueue(label: label, qos: .userInitiated)
        self.queue.setSpecific(key: Self.own, value: ObjectIdentifier(self))
    }

    /// Runs `body` on the queue's thread and returns what it returned.
    ///
    /// Cancelling the calling task does not stop a pass that has begun: a step, once begun, commits (DESIGN.md §5).
    public func run<Success: Sendable, Failure: Error>(
        _ body: @escaping @Sendable () throws(Failure) -> Success
    ) async throws(Failure) -> Success {
        if DispatchQueue.getSpecific(key: Self.own) == ObjectIdentifier(self) { return try body() }
        let result: Result<Success, Failure> = await withUnsafeContinuation { continuation in
            self.queue.async {
                continuation.resume(returning: Result(catching: body))
            }
        }
        return try result.get()
    }

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        self.queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
