import NIOCore
import Synchronization

/// Where a stream's task and its connection's event loop meet: ``StreamBuffers`` under a lock, and who waits for them.
///
/// A task reads what has arrived and queues what it writes without a detour over the event loop. Every wait ends by
/// cancellation too: a task that is cancelled before it waits never waits, one that waits is woken.
final class StreamMailbox: Sendable {
    /// What a task waits for.
    enum Purpose: Sendable {
        case readable
        case writable
        case agreement
    }

    private struct State {
        var buffers: StreamBuffers
        var waiters: [(purpose: Purpose, continuation: CheckedContinuation<Void, Never>)] = []

        func isFulfilled(_ purpose: Purpose) -> Bool {
            switch purpose {
            case .readable: self.buffers.isReadable
            case .writable: self.buffers.isWritable
            case .agreement: self.buffers.isAgreed || self.buffers.failure != nil
            }
        }

        mutating func takeFulfilled() -> [CheckedContinuation<Void, Never>] {
            guard !self.waiters.isEmpty else { return [] }
            let waiters = self.waiters
            self.waiters = waiters.filter { !self.isFulfilled($0.purpose) }
            return waiters.filter { self.isFulfilled($0.purpose) }.map(\.continuation)
        }
    }

    private let state: Mutex<State>

    init(_ buffers: StreamBuffers) {
        self.state = Mutex(State(buffers: buffers))
    }

    var failure: P2PError? { self.state.withLock { $0.buffers.failure } }

    /// Changes the buffers and wakes whoever waited for the change.
    func update<Value: Sendable>(
        _ change: (inout StreamBuffers) throws(P2PError) -> Value
    ) throws(P2PError) -> Value {
        let (value, woken) = try self.state.withLock { state throws(P2PError) in
            let value = try change(&state.buffers)
            return (value, state.takeFulfilled())
        }
        for continuation in woken { continuation.resume() }
        return value
    }

    /// The same for a change that cannot fail.
    func update<Value: Sendable>(_ change: (inout StreamBuffers) -> Value) -> Value {
        let (value, woken) = self.state.withLock { state in
            let value = change(&state.buffers)
            return (value, state.takeFulfilled())
        }
        for continuation in woken { continuation.resume() }
        return value
    }

    /// Returns once `purpose` is fulfilled or the stream has failed; the caller looks again at what there is.
    func wait(for purpose: Purpose) async throws(P2PError) {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let mustWait = self.state.withLock { state in
                    // A task is marked as cancelled before its handler runs, so none slips through between the two.
                    guard !Task.isCancelled, !state.isFulfilled(purpose) else { return false }
                    state.waiters.append((purpose, continuation))
                    return true
                }
                if !mustWait { continuation.resume() }
            }
        } onCancel: {
            self.wakeAll()
        }
        if Task.isCancelled { throw .cancelled }
    }

    /// Those who were not meant find nothing and wait again.
    private func wakeAll() {
        let waiters = self.state.withLock { state in
            defer { state.waiters.removeAll() }
            return state.waiters.map(\.continuation)
        }
        for waiter in waiters { waiter.resume() }
    }
}
