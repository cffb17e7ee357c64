internal import NIOCore
internal import P2PCore
internal import Synchronization

/// The way from a hop to the one after it: frames go out, nothing comes back.
///
/// What cannot be sent is not waited for: whoever coordinates gives the step itself then.
final class PushEdge: Sendable {
    let target: PushTarget
    private let stream: PeerStream
    private let state = Mutex(State())
    private let frames: AsyncStream<ByteBuffer>
    private let outgoing: AsyncStream<ByteBuffer>.Continuation

    /// A message that has not left yet.
    private struct Leaving {
        var since: ContinuousClock.Instant
        var bytes: Int
        /// Who waits for it; nil once that took too long.
        var waiter: CheckedContinuation<Bool, Never>?
    }

    private struct State {
        /// Whether this side has ended it.
        var isEnded = false
        var isOver = false
        /// In their order; the first is being written.
        var leaving: [Leaving] = []
        /// When the first of them came, or the one before it left.
        var lastProgress = ContinuousClock.now

        func hasRoom(for bytes: Int) -> Bool {
            let queued = self.leaving.reduce(0) { $0 + $1.bytes }
            return !self.isEnded && !self.isOver && (queued == 0 || queued + bytes <= Limits.sentMessage)
        }

        /// Whether the next hop takes nothing.
        func isStuck(at now: ContinuousClock.Instant) -> Bool {
            !self.leaving.isEmpty && now - self.lastProgress > Limits.transferTime
        }

        /// Those who have waited for long enough.
        mutating func takeImpatient(at now: ContinuousClock.Instant) -> [CheckedContinuation<Bool, Never>] {
            self.leaving.indices.filter { now - self.leaving[$0].since >= Limits.copyDelay }.compactMap { index in
                defer { self.leaving[index].waiter = nil }
                return self.leaving[index].waiter
            }
        }
    }

    init(_ stream: PeerStream, to target: PushTarget) {
        self.stream = stream
        self.target = target
        (self.frames, self.outgoing) = AsyncStream.makeStream(
            bufferingPolicy: .bufferingOldest(Limits.outstandingSteps)
        )
    }

    /// Sends a message behind those before it.
    ///
    /// - Returns: true once it has left, or has not within once to twice ``Limits/copyDelay``; false when it will not get there.
    func push(_ message: ByteBuffer) async -> Bool {
        let bytes = message.readableBytes
        guard bytes <= Limits.sentMessage else { return false }
        return await withCheckedContinuation { waiter in
            let isTaken = self.state.withLock { state -> Bool? in
                guard state.hasRoom(for: bytes) else { return false }
                // At once where nothing is before it; what the stream fails with is the writer's to say.
                if state.leaving.isEmpty, (try? self.stream.sendFrame(message)) == true { return true }
                guard case .enqueued = self.outgoing.yield(message) else { return false }
                let now = ContinuousClock.now
                if state.leaving.isEmpty { state.lastProgress = now }
                state.leaving.append(Leaving(since: now, bytes: bytes, waiter: waiter))
                return nil
            }
            if let isTaken { waiter.resume(returning: isTaken) }
        }
    }

    /// Nothing will follow.
    func end() {
        self.state.withLock { $0.isEnded = true }
        self.outgoing.finish()
    }

    /// Writes what is to be sent until the edge ends or breaks.
    ///
    /// - Returns: whether it broke, though this side had more to say.
    func run() async -> Bool {
        await withDiscardingTaskGroup { group in
            group.addTask {
                // Nothing is to come: that something does, or the end, says that nobody listens.
                _ = try? await self.stream.read()
                if self.isOver() { self.stream.reset() }
            }
            group.addTask { await self.watch() }
            do {
                for await frame in self.frames {
                    try await self.stream.writeFrame(frame)
                    let left = self.state.withLock { state in
                        state.lastProgress = .now
                        return state.leaving.isEmpty ? nil : state.leaving.removeFirst()
                    }
                    left?.waiter?.resume(returning: true)
                }
                try await self.stream.closeWrite()
            } catch {
                self.stream.reset()
            }
            group.cancelAll()
        }
        let isBroken = self.isOver()
        await self.stream.close()
        return isBroken
    }

    /// Lets nobody wait for too long; nor a hop that takes nothing keep a stream.
    private func watch() async {
        while (try? await pause(for: Limits.copyDelay)) != nil {
            let now = ContinuousClock.now
            for waiter in self.state.withLock({ $0.takeImpatient(at: now) }) { waiter.resume(returning: true) }
            if self.state.withLock({ $0.isStuck(at: now) }) { return self.stream.reset() }
        }
    }

    /// Nothing leaves any more. Whether that is so though this side had more to say.
    private func isOver() -> Bool {
        let (waiters, isEnded) = self.state.withLock { state in
            defer { (state.isOver, state.leaving) = (true, []) }
            return (state.leaving.compactMap(\.waiter), state.isEnded)
        }
        self.outgoing.finish()
        for waiter in waiters { waiter.resume(returning: false) }
        return !isEnded
    }
}
