import Dispatch
internal import Synchronization

/// A thread of its own for matrix products.
///
/// A forward pass takes milliseconds; on an event loop it would hold up every connection, on the cooperative pool every
/// task (STYLE.md, habit 6). Passes handed to one queue run one after another, in the order in which they came.
///
/// Handing a pass over wakes two threads, there and back. A task that has nothing to do but passes can live here
/// altogether, with `withTaskExecutorPreference`; it then runs them where it stands.
public final class ComputeQueue: TaskExecutor {
    private let queue: DispatchQueue
    private let pending = Atomic(0)
    private static let own = DispatchSpecificKey<ObjectIdentifier>()

    /// - Parameter label: what a debugger or `perf` shows for the thread.
    public init(label: String) {
        self.queue = DispatchQueue(label: label, qos: .userInitiated)
        self.queue.setSpecific(key: Self.own, value: ObjectIdentifier(self))
    }

    /// Passes that run on the queue or wait for it.
    package var pendingPasses: Int { self.pending.load(ordering: .relaxed) }

    /// Runs `body` on the queue's thread and returns what it returned.
    ///
    /// One that is over before the queue's thread would be awake, and that would not have to wait there, runs on the
    /// caller's.
    ///
    /// Cancelling the calling task does not stop a pass that has begun: a step, once begun, commits (DESIGN.md §5).
    public func run<Success: Sendable, Failure: Error>(
        isBrief: Bool = false,
        _ body: @escaping @Sendable () throws(Failure) -> Success
    ) async throws(Failure) -> Success {
        if isBrief, self.pendingPasses == 0 { return try body() }
        if DispatchQueue.getSpecific(key: Self.own) == ObjectIdentifier(self) { return try body() }
        self.pending.add(1, ordering: .relaxed)
        defer { self.pending.subtract(1, ordering: .relaxed) }
        let result: Result<Success, Failure> = await withUnsafeContinuation { continuation in
            self.queue.async {
                continuation.resume(returning: Result(catching: body))
            }
        }
        return try result.get()
    }

    /// Runs `body` on the queue's thread, some time.
    package func submit(_ body: @escaping @Sendable () -> Void) {
        self.pending.add(1, ordering: .relaxed)
        self.queue.async {
            body()
            self.pending.subtract(1, ordering: .relaxed)
        }
    }

    /// Runs `body` on the queue's thread at a moment, or a little after it. Nobody counts as waiting for it until then.
    package func submit(at moment: ContinuousClock.Instant, _ body: @escaping @Sendable () -> Void) {
        let delay = max(.zero, ContinuousClock.now.duration(to: moment)) / .nanoseconds(1)
        self.queue.asyncAfter(deadline: .now() + .nanoseconds(Int(delay)), execute: body)
    }

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        self.queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
