internal import NIOCore
public import P2PCore
public import P2PWire
internal import Synchronization

/// The steps of one session on one hop over `/kwaai/inference/1.1.0`: a stream that stays, any number of steps on their way.
///
/// Frames leave in the order in which ``send(_:)`` was called; answers come in any order and find their step by its number.
/// What is let go without ``end()`` is reset.
public final class InferenceStream: Sendable {
    /// The messages of `/kwaai/inference/1.0.0` with the extension `x/1`, many on one stream (WIRE.md).
    public static let protocolID: ProtocolID = "/kwaai/inference/1.1.0"

    private let exchange: StreamExchange

    /// Opens a stream; the first step travels with its proposal.
    ///
    /// - Throws: `ShardError`: `unreachable`, `unsupportedProtocol`, `cancelled`.
    public init(to peer: PeerInfo, over host: Host) async throws(ShardError) {
        let stream: PeerStream
        do throws(P2PError) {
            stream = try await host.openStream(Self.protocolID, to: peer, isExpected: true)
        } catch {
            throw ShardError(error, from: peer.id)
        }
        let exchange = StreamExchange(stream)
        guard host.accompany({ await exchange.run() }) else {
            stream.reset()
            throw ShardError(code: .unreachable, message: "this host is closed or overloaded; try again later")
        }
        self.exchange = exchange
    }

    deinit {
        self.exchange.letGo()
    }

    /// Sends one step and waits for its answer.
    ///
    /// Cancelling tells the hop to drop the step if it has not begun.
    ///
    /// - Parameter request: with an `x` whose step number no other outstanding step of this stream has.
    /// - Returns: the answer, which may itself be an error with a code.
    /// - Throws: `ShardError`: `tooLarge` and `invalidArgument` before anything is sent, `cancelled`; `unreachable`,
    ///   `malformed` and `badTensor` end the stream and every step on it.
    public func send(_ request: InferenceRequest) async throws(ShardError) -> InferenceResponse {
        try await self.send(request, nil)
    }

    /// Has the peer open a way to push on, of which a session has one at a time.
    ///
    /// - Parameter broke: called at most once, on the stream's thread, when a way that was opened has broken.
    /// - Throws: as ``send(_:)``.
    package func open(
        _ request: InferenceRequest,
        broke: @escaping @Sendable () -> Void
    ) async throws(ShardError) -> InferenceResponse {
        try await self.send(request, broke)
    }

    private func send(
        _ request: InferenceRequest,
        _ broke: (@Sendable () -> Void)?
    ) async throws(ShardError) -> InferenceResponse {
        guard let step = request.step?.step else {
            throw ShardError(code: .invalidArgument, message: "a step of \(Self.protocolID) needs the extension x/1")
        }
        let start = ContinuousClock.now
        let frame = try StreamExchange.frame(request)
        let writing = start.duration(to: .now)
        let answer = await withTaskCancellationHandler {
            await withCheckedContinuation { self.exchange.begin(step, frame, $0, broke) }
        } onCancel: {
            self.exchange.cancel(request)
        }
        var response = try answer.get()
        response.serialising += writing
        return response
    }

    /// Another hop pushes a step to the peer, which answers here. `answered` is called once, on the stream's thread: with the
    /// answer, or with what ended the stream.
    ///
    /// - Parameter step: a number that no other outstanding step of this stream has.
    package func expect(
        _ step: UInt32,
        _ answered: @escaping @Sendable (Result<InferenceResponse, ShardError>) -> Void
    ) {
        self.exchange.expect(step, answered)
    }

    /// Nobody waits any more for a step that was expected.
    package func forget(_ step: UInt32) {
        self.exchange.forget(step)
    }

    /// No step will follow. Those on their way are answered.
    public func end() {
        self.exchange.end()
    }

    /// Whether steps can still be sent.
    public var isUsable: Bool { self.exchange.isUsable }
}

/// What ``InferenceStream`` and the task that reads and writes for it share.
final class StreamExchange: Sendable {
    typealias Answer = Result<InferenceResponse, ShardError>

    private enum Waiter {
        /// With what to do once the way that it opens has broken, where it opens one.
        case sent(CheckedContinuation<Answer, Never>, broke: (@Sendable () -> Void)?)
        /// Another hop sends it.
        case expected(@Sendable (Answer) -> Void)
        /// A way is open, and is answered again should it break.
        case open(broke: @Sendable () -> Void)

        func take(_ answer: Answer) {
            switch self {
            case .sent(let continuation, _): continuation.resume(returning: answer)
            case .expected(let answered): answered(answer)
            case .open(let broke): broke()
            }
        }
    }

    private struct State {
        var waiters: [UInt32: Waiter] = [:]
        var failure: ShardError?
        var isEnded = false
    }

    private let stream: PeerStream
    private let state = Mutex(State())
    /// Frames to be written; as many as there are outstanding steps, and cancellations of these.
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
        _ continuation: CheckedContinuation<Answer, Never>,
        _ broke: (@Sendable () -> Void)? = nil
    ) {
        let failure: ShardError? = self.state.withLock { state in
            // A task is marked as cancelled before its handler runs, so none slips through between the two.
            if Task.isCancelled { return ShardError(code: .cancelled, message: "the step was cancelled") }
            if let failure = state.failure { return failure }
            if state.isEnded { return ShardError(code: .unreachable, message: "the session's stream was ended") }
            guard state.waiters[step] == nil, state.waiters.count < Limits.outstandingSteps else {
                return ShardError(
                    code: .invalidArgument,
                    message: "step \(step) is on its way already, or \(Limits.outstandingSteps) others are"
                )
            }
            // Under the lock, so that frames leave in the order of their steps.
            if case .dropped = self.outgoing.yield(frame) {
                return ShardError(code: .unreachable, message: "the hop takes no more steps; it may be overloaded")
            }
            state.waiters[step] = .sent(continuation, broke: broke)
            return nil
        }
        if let failure { continuation.resume(returning: .failure(failure)) }
    }

    func cancel(_ request: InferenceRequest) {
        guard let step = request.step else { return }
        let waiter = self.state.withLock { $0.waiters.removeValue(forKey: step.step) }
        guard case .sent(let continuation, _)? = waiter else { return }
        var order = request
        order.payload = .tokenIDs([])
        order.step?.operation = .cancel
        // One that does not fit any more is no loss: what it cancels is answered to nobody.
        if let frame = try? Self.frame(order) { self.outgoing.yield(frame) }
        continuation.resume(returning: .failure(ShardError(code: .cancelled, message: "the step was cancelled")))
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
                    for await frame in self.frames { try await self.stream.writeFrame(frame) }
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
            // Nobody waits for a step that was cancelled.
            let waiter = state.waiters.removeValue(forKey: step)
            if case .sent(_, let broke?)? = waiter {
                // The way before it is closed, of which nothing more is heard.
                state.waiters = state.waiters.filter { if case .open = $0.value { false } else { true } }
                if response.code == .ok { state.waiters[step] = .open(broke: broke) }
            }
            return waiter
        }
        waiter?.take(.success(response))
    }

    private func fail(_ failure: ShardError) {
        let waiters = self.state.withLock { state in
            state.failure = state.failure ?? failure
            defer { state.waiters = [:] }
            return state.waiters.values
        }
        self.outgoing.finish()
        for waiter in waiters { waiter.take(.failure(failure)) }
    }
}
