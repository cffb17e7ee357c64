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

    private struct State {
        var isOver = false
        var queuedBytes = 0
        /// When what is leaving began to.
        var isWritingSince: ContinuousClock.Instant?

        /// Whether the next hop takes nothing.
        func isStuck(at now: ContinuousClock.Instant) -> Bool {
            self.isWritingSince.map { now - $0 > Limits.transferTime } ?? false
        }
    }

    init(_ stream: PeerStream, to target: PushTarget) {
        self.stream = stream
        self.target = target
        (self.frames, self.outgoing) = AsyncStream.makeStream(
            bufferingPolicy: .bufferingOldest(Limits.outstandingSteps)
        )
    }

    /// Sends a message as soon as those before it have left; false when it will not get there.
    func push(_ message: ByteBuffer) -> Bool {
        guard message.readableBytes <= Limits.sentMessage else { return false }
        return self.state.withLock { state in
            let hasRoom = state.queuedBytes == 0 || state.queuedBytes + message.readableBytes <= Limits.sentMessage
            guard !state.isOver, hasRoom, case .enqueued = self.outgoing.yield(message) else { return false }
            state.queuedBytes += message.readableBytes
            return true
        }
    }

    /// Nothing will follow.
    func end() {
        self.state.withLock { $0.isOver = true }
        self.outgoing.finish()
    }

    /// Writes what is to be sent until the edge ends or breaks.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask {
                // Nothing is to come: that something does, or the end, says that nobody listens.
                _ = try? await self.stream.read()
                self.end()
            }
            group.addTask {
                while (try? await pause(for: Limits.transferTime)) != nil {
                    if self.state.withLock({ $0.isStuck(at: .now) }) { return self.stream.reset() }
                }
            }
            do {
                for await frame in self.frames {
                    self.state.withLock { $0.isWritingSince = .now }
                    try await self.stream.writeFrame(frame)
                    self.state.withLock { state in
                        state.queuedBytes -= frame.readableBytes
                        state.isWritingSince = nil
                    }
                }
                try await self.stream.closeWrite()
            } catch {
                self.stream.reset()
            }
            self.end()
            group.cancelAll()
        }
        await self.stream.close()
    }
}
