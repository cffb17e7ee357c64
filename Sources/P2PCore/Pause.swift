package import NIOCore
import NIOPosix
import Synchronization

/// Waits for `duration`, or until the task is cancelled.
///
/// The timer is one of an event loop, of the caller's own where it runs on one: that costs nothing but memory, while
/// `Task.sleep` wakes a thread of the system's for every timer that is set or taken back.
package func pause(for duration: Duration) async throws(CancellationError) {
    let eventLoop = MultiThreadedEventLoopGroup.singleton.any()
    let timer = Timer()
    await withTaskCancellationHandler {
        await withCheckedContinuation { continuation in
            guard timer.begin(continuation) else { return continuation.resume() }
            timer.hold(eventLoop.scheduleTask(in: TimeAmount(clamping: duration)) { timer.end() })
        }
    } onCancel: {
        timer.end()
    }
    if Task.isCancelled { throw CancellationError() }
}

/// Calls `body` at a moment, on an event loop: the caller's own where it runs on one.
package func call(at moment: NIODeadline, _ body: @escaping @Sendable () -> Void) {
    MultiThreadedEventLoopGroup.singleton.any().scheduleTask(deadline: moment, body)
}

/// A wait that ends once, by its timer or before.
private final class Timer: Sendable {
    private enum State {
        case new
        case waiting(CheckedContinuation<Void, Never>, Scheduled<Void>?)
        case over
    }

    private let state = Mutex(State.new)

    /// False where the wait is over already.
    func begin(_ continuation: CheckedContinuation<Void, Never>) -> Bool {
        self.state.withLock { state in
            guard case .new = state else { return false }
            state = .waiting(continuation, nil)
            return true
        }
    }

    /// Keeps what ``end()`` takes back.
    func hold(_ scheduled: Scheduled<Void>) {
        let isOver = self.state.withLock { state in
            guard case .waiting(let continuation, _) = state else { return true }
            state = .waiting(continuation, scheduled)
            return false
        }
        if isOver { scheduled.cancel() }
    }

    func end() {
        let (continuation, scheduled) = self.state.withLock { state in
            defer { state = .over }
            guard case .waiting(let continuation, let scheduled) = state else {
                return (CheckedContinuation<Void, Never>?.none, Scheduled<Void>?.none)
            }
            return (continuation, scheduled)
        }
        scheduled?.cancel()
        continuation?.resume()
    }
}
