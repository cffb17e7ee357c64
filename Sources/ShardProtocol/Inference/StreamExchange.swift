internal import NIOCore
internal import P2PCore
internal import Synchronization

/// What ``InferenceStream`` and the task that reads and writes for it share.
final class StreamExchange: Sendable {
    typealias Answer = Result<InferenceResponse, ShardError>

    /// Whoever waits for an answer gets nil where none has come yet.
    typealias Wait = CheckedContinuation<Answer?, Never>

    private enum Waiter {
        /// - until: when it is told that there is no answer yet; nil for never.
        /// - broke: what to do once the way that it opens has broken, where it opens one.
        case sent(Wait, until: NIODeadline?, broke: (@Sendable () -> Void)?)
        /// It was told so, and has not come back: the answer that came meanwhile.
        case away(Answer?)
        /// Another hop sends it.
        case expected(@Sendable (Answer) -> Void)
        /// A way is open, and is answered again should it break.
        case open(broke: @Sendable () -> Void)

        func take(_ answer: Answer) {
            switch self {
            case .sent(let wait, _, _): wait.resume(returning: answer)
            case .away: break
            case .expected(let answered): answered(answer)
            case .open(let broke): broke()
            }
        }
    }

    private struct State {
        var waiters: [UInt32: Waiter] = [:]
        var failure: ShardError?
        var isEnded = false
        /// Frames that wait for the writer, which the next one must not overtake.
        var queued = 0
        /// When ``StreamExchange/lookForLate()`` is to be called next. One timer serves all steps of half a second: to set one
        /// for each and take it back costs more than the step's way through this type.
        var nextLook: NIODeadline?
    }

    private let stream: PeerStream
    private let state = Mutex(State())
    /// Frames that could not leave at once; as many as there are outstanding steps, and cancellations of these.
    private let frames: AsyncStream<ByteBuffer>
    private let outgoing: AsyncStream<ByteBuffer>.Continuation

    init(_ stream: PeerStream) {
        self.stream = stream
        (self.frames, self.outgoing) = AsyncStream.makeStream(
            bufferingPolicy: .bufferingOldest(2 * Limits.outstandingSteps)
        )
    }

    /// The bytes of a step.
    ///
    /// - Throws: `tooLarge`.
    static func frame(_ request: InferenceRequest) throws(ShardError) -> ByteBuffer {
        let message = request.encoded()
        guard message.readableBytes <= Limits.sentMessage else {
            throw ShardError(
                code: .tooLarge,
                message: "a step of \(message.readableBytes) bytes; send at most \(Limits.sentMessage), in smaller"
                    + " chunks"
            )
        }
        return message
    }

    var isUsable: Bool { self.state.withLock { $0.failure == nil && !$0.isEnded } }

    // MARK: Steps

    func begin(
        _ step: UInt32,
        _ frame: ByteBuffer,
        _ wait: Wait,
        until deadline: NIODeadline?,
        _ broke: (@Sendable () -> Void)?
    ) {
        var setsTimer = false
        let failure: ShardError? = self.state.withLock { state in
            // A task is marked as cancelled before its handler runs, so none slips through between the two.
            if Task.isCancelled { return Self.cancelled }
            if let failure = state.failure { return failure }
            if state.isEnded { return ShardError(code: .unreachable, message: "the session's stream was ended") }
            guard state.waiters[step] == nil, state.waiters.count < Limits.outstandingSteps else {
                return ShardError(
                    code: .invalidArgument,
                    message: "step \(step) is on its way already, or \(Limits.outstandingSteps) others are"
                )
            }
            // Under the lock, so that frames leave in the order of their steps.
            guard self.send(frame, &state) else {
                return ShardError(code: .unreachable, message: "the hop takes no more steps; it may be overloaded")
            }
            state.waiters[step] = .sent(wait, until: deadline, broke: broke)
            if let deadline, deadline < state.nextLook ?? .distantFuture {
                state.nextLook = deadline
                setsTimer = true
            }
            return nil
        }
        if let failure { return wait.resume(returning: .failure(failure)) }
        if setsTimer, let deadline { self.lookForLate(at: deadline) }
    }

    func cancel(_ request: InferenceRequest) {
        guard let step = request.step else { return }
        let waiter = self.state.withLock { $0.waiters.removeValue(forKey: step.step) }
        switch waiter {
        case .sent(let wait, _, _)?:
            self.takeBack(request)
            wait.resume(returning: .failure(Self.cancelled))
        case .away(nil)?: self.takeBack(request)
        case .away, .expected, .open, nil: break
        }
    }

    private func takeBack(_ request: InferenceRequest) {
        var order = request
        order.payload = .tokenIDs([])
        order.step?.operation = .cancel
        // One that does not fit any more is no loss: what it cancels is answered to nobody.
        if let frame = try? Self.frame(order) { _ = self.state.withLock { self.send(frame, &$0) } }
    }

    /// Sends a frame behind all those before it: at once where it need not wait, to save what the writer's task costs.
    ///
    /// - Returns: false where too many wait.
    private func send(_ frame: ByteBuffer, _ state: inout State) -> Bool {
        // What the stream fails with is the writer's to say.
        if state.queued == 0, (try? self.stream.sendFrame(frame)) == true { return true }
        if case .dropped = self.outgoing.yield(frame) { return false }
        state.queued += 1
        return true
    }

    private static let cancelled = ShardError(code: .cancelled, message: "the step was cancelled")

    /// Whoever was told that there is no answer yet comes back for it.
    func rejoin(_ step: UInt32, _ wait: Wait) {
        let answer: Answer? = self.state.withLock { state in
            switch state.waiters[step] {
            case .away(nil)?:
                state.waiters[step] = .sent(wait, until: nil, broke: nil)
                return nil
            case .away(let answer?)?:
                state.waiters[step] = nil
                return answer
            case .sent, .expected, .open, nil: return .failure(state.failure ?? Self.cancelled)
            }
        }
        if let answer { wait.resume(returning: answer) }
    }

    private func lookForLate(at moment: NIODeadline) {
        call(at: moment) { [weak self] in self?.lookForLate() }
    }

    /// Tells those who have waited long enough that there is no answer yet.
    private func lookForLate() {
        let now = NIODeadline.now()
        let (late, next) = self.state.withLock { state in
            var late: [Wait] = []
            // An earlier timer than this one may have been set, and have seen to all.
            guard let moment = state.nextLook, moment <= now else { return (late, NIODeadline?.none) }
            var next: NIODeadline?
            for (step, waiter) in state.waiters {
                guard case .sent(let wait, let deadline?, _) = waiter else { continue }
                if deadline <= now {
                    late.append(wait)
                    state.waiters[step] = .away(nil)
                } else {
                    next = min(next ?? deadline, deadline)
                }
            }
            state.nextLook = next
            return (late, next)
        }
        for wait in late { wait.resume(returning: nil) }
        if let next { self.lookForLate(at: next) }
    }

    func expect(_ step: UInt32, _ answered: @escaping @Sendable (Answer) -> Void) {
        let failure: ShardError? = self.state.withLock { state in
            if let failure = state.failure { return failure }
            guard !state.isEnded, state.waiters[step] == nil, state.waiters.count < Limits.outstandingSteps else {
                return ShardError(code: .invalidArgument, message: "step \(step) cannot be expected now")
            }
            state.waiters[step] = .expected(answered)
            return nil
        }
        if let failure { answered(.failure(failure)) }
    }

    func forget(_ step: UInt32) {
        self.state.withLock { state in
            if case .expected? = state.waiters[step] { state.waiters[step] = nil }
        }
    }

    func end() {
        self.state.withLock { $0.isEnded = true }
        self.outgoing.finish()
    }

    /// Resets the stream unless it was ended, and then leaves it to end by itself.
    func letGo() {
        if !self.state.withLock({ $0.isEnded }) { self.stream.reset() }
    }

    // MARK: The stream

    /// Writes what is to be sent and hands out answers until the stream ends.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask {
                do throws(P2PError) {
                    for await frame in self.frames {
                        try await self.stream.writeFrame(frame)
                        self.state.withLock { $0.queued -= 1 }
                    }
                    try await self.stream.closeWrite()
                    // A hop that does not end its direction too must not hold the stream for ever.
                    try? await pause(for: Limits.transferTime)
                    self.stream.reset()
                } catch {
                    self.fail(ShardError(error, from: self.stream.remotePeer))
                }
            }
            let failure = await self.readAnswers()
            self.fail(failure)
            group.cancelAll()
        }
        await self.stream.close()
    }

    private func readAnswers() async -> ShardError {
        let peer = self.stream.remotePeer
        do {
            while let message = try await self.stream.nextFrame(limit: Limits.receivedMessage) {
                let start = ContinuousClock.now
                var response = try InferenceResponse(decoding: message)
                response.serialising = start.duration(to: .now)
                guard let step = response.step?.step else {
                    throw ShardError.malformed("\(peer) answered without saying which step")
                }
                self.answered(step, response)
            }
            return ShardError(code: .unreachable, message: "\(peer) ended the session's stream")
        } catch let error as P2PError {
            return ShardError(error, from: peer)
        } catch let error as ShardError {
            self.stream.reset()
            return error
        } catch {
            return .malformed("\(error)")
        }
    }

    private func answered(_ step: UInt32, _ response: InferenceResponse) {
        let waiter = self.state.withLock { state -> Waiter? in
            switch state.waiters.removeValue(forKey: step) {
            case .away(let earlier)?:
                state.waiters[step] = .away(earlier ?? .success(response))
                return nil
            case let waiter:
                if case .sent(_, _, let broke?)? = waiter {
                    // The way before it is closed, of which nothing more is heard.
                    state.waiters = state.waiters.filter { if case .open = $0.value { false } else { true } }
                    if response.code == .ok { state.waiters[step] = .open(broke: broke) }
                }
                return waiter
            }
        }
        // Nobody waits for a step that was cancelled.
        waiter?.take(.success(response))
    }

    private func fail(_ failure: ShardError) {
        let waiters = self.state.withLock { state in
            state.failure = state.failure ?? failure
            defer { state.waiters = state.waiters.filter { if case .away(_?) = $0.value { true } else { false } } }
            return state.waiters.values
        }
        self.outgoing.finish()
        for waiter in waiters { waiter.take(.failure(failure)) }
    }
}
