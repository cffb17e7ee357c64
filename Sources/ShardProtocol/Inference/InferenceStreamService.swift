internal import NIOCore
public import P2PCore
public import P2PWire
internal import Synchronization

/// Serves `/kwaai/inference/1.1.0`: reads steps of one session from each stream and writes their answers as they come.
///
/// Steps may also come from another hop, over `/kwaai/push/1.0.0`, where the session's coordinator has said from which; they
/// are answered to the coordinator all the same, and pushed on before that where it has said to whom.
///
/// `answer` is called in the order in which the steps arrived, and runs up to its first suspension before the next step is
/// looked at; it is cancelled when the caller takes the step back or the stream breaks.
///
/// - Parameters:
///   - limit: streams served at a time, each of one session; more are reset. One peer has at most a quarter of them.
///   - answer: who asks, as Noise proved it, and what. Never called for bytes that are no request.
public func serveInferenceStreams(
    on host: Host,
    limit: Int,
    _ answer: @escaping @Sendable (PeerID, InferenceRequest) async -> InferenceResponse
) {
    let metrics = ExchangeMetrics()
    let desk = PushDesk(host)
    desk.install(limit: limit)
    host.handle(InferenceStream.protocolID, limit: limit, limitPerPeer: max(1, limit / 4)) { stream in
        try await SessionStream(stream, desk, metrics, answer).serve()
    }
}

/// One stream that is being served.
final class SessionStream: Sendable {
    private struct State {
        /// The one session of this stream; the first step says which.
        var session: SessionID?
        /// Steps that were read and whose answers have not left, the bytes of their messages, and their tokens, which say
        /// how large the answers may become.
        var outstanding = 0
        var bytes = 0
        var tokens = 0
        /// Who reads steps, while these are too many.
        var readers: [CheckedContinuation<Void, Never>] = []
        /// Where steps are pushed on to.
        var edge: PushEdge?
        var isOver = false
        var lastAnswer = ContinuousClock.now
        /// When the answer began to leave that the writer waits for.
        var isWritingSince: ContinuousClock.Instant?

        var hasRoom: Bool {
            self.outstanding < Limits.outstandingSteps && self.bytes < Limits.sentMessage
                && self.tokens < Limits.outstandingTokens
        }

        /// Whether the caller has vanished without a word, or takes nothing.
        func isStuck(at now: ContinuousClock.Instant) -> Bool {
            if let isWritingSince { return now - isWritingSince > Limits.transferTime }
            guard self.outstanding == 0 else { return false }
            return now - self.lastAnswer > (self.session == nil ? .zero : Limits.streamIdle)
        }

        mutating func takeReaders() -> [CheckedContinuation<Void, Never>] {
            defer { self.readers = [] }
            return self.readers
        }
    }

    private struct Answer: Sendable {
        var message: ByteBuffer
        /// Bytes and tokens of the step that it answers.
        var stepBytes: Int
        var stepTokens: Int
    }

    private let stream: PeerStream
    private let desk: PushDesk
    private let metrics: ExchangeMetrics
    private let answer: @Sendable (PeerID, InferenceRequest) async -> InferenceResponse
    private let state = Mutex(State())
    /// Those that could not leave at once.
    private let answers: AsyncStream<Answer>
    private let outgoing: AsyncStream<Answer>.Continuation

    init(
        _ stream: PeerStream,
        _ desk: PushDesk,
        _ metrics: ExchangeMetrics,
        _ answer: @escaping @Sendable (PeerID, InferenceRequest) async -> InferenceResponse
    ) {
        self.stream = stream
        self.desk = desk
        self.metrics = metrics
        self.answer = answer
        // Two may read steps, each one more than there is room for; and the way to the next hop may break.
        (self.answers, self.outgoing) = AsyncStream.makeStream(
            bufferingPolicy: .bufferingOldest(Limits.outstandingSteps + 3)
        )
    }

    /// Whose sessions these are.
    var coordinator: PeerID { self.stream.remotePeer }

    /// Returns once the caller has ended its direction and every step is answered.
    ///
    /// - Throws: what broke the stream, for which it is to be reset.
    func serve() async throws {
        defer { self.end() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.endWhenIdle() }
            group.addTask {
                // However reading ends, nothing more is to be answered.
                defer { self.outgoing.finish() }
                try await self.readSteps()
            }
            for await answer in self.answers {
                let start = ContinuousClock.now
                self.state.withLock { $0.isWritingSince = start }
                try await self.stream.writeFrame(answer.message)
                self.state.withLock { $0.isWritingSince = nil }
                self.left(answer, after: start.duration(to: .now))
            }
            // What reading broke on is thrown here; the watch has nothing more to watch.
            group.cancelAll()
            while let ending = await group.nextResult() {
                if case .failure(let error) = ending, !(error is CancellationError) { throw error }
            }
        }
    }

    private func end() {
        let (session, edge, readers) = self.state.withLock { state in
            state.isOver = true
            return (state.session, state.edge, state.takeReaders())
        }
        edge?.end()
        if let session { self.desk.refuse(session, of: self.coordinator, ended: self) }
        for reader in readers { reader.resume() }
    }

    /// A caller that has vanished, or that takes nothing, must not keep a place.
    private func endWhenIdle() async throws {
        while true {
            try await pause(for: Limits.transferTime)
            if self.state.withLock({ $0.isStuck(at: .now) }) { return self.stream.reset() }
        }
    }

    // MARK: Steps

    private func readSteps() async throws {
        try await withThrowingDiscardingTaskGroup { steps in
            while let message = try await self.stream.nextFrame(limit: Limits.receivedMessage) {
                let start = ContinuousClock.now
                let request = try InferenceRequest(decoding: message)
                let reading = start.duration(to: .now)
                guard let step = request.step else {
                    throw ShardError.malformed("a step of \(InferenceStream.protocolID) lacks the extension x/1")
                }
                try self.checkSession(of: request)
                let peer = self.stream.remotePeer
                if step.operation == .cancel {
                    _ = await self.answer(peer, request)
                    continue
                }
                if step.refusesPushes { self.desk.refuse(request.sessionID, of: peer) }
                let run = self.begin(request, message.readableBytes, reading: reading)
                // At once, so that steps reach their session in the order in which they were sent.
                steps.addImmediateTask { await run() }
                // What it has to say leaves before this task gets ready for the next step.
                await Task.yield()
                await self.waitForRoom()
            }
        }
    }

    /// Makes room for a step, whoever sent it.
    ///
    /// - Returns: what runs and answers it.
    func begin(
        _ request: InferenceRequest,
        _ byteCount: Int,
        reading: Duration
    ) -> @Sendable () async -> Void {
        // Logits are many times as large as what they are made of, so such a step is alone.
        let isAlone = request.step?.logits == .every
        let tokens = isAlone ? Limits.outstandingTokens : request.payload.tokenCount ?? 0
        self.begin(byteCount, tokens)
        return {
            let response = await self.response(to: request)
            let answered = ContinuousClock.now
            let message = Self.message(response, answering: request.step?.step ?? 0)
            self.metrics.serialised(in: reading + answered.duration(to: .now))
            let answer = Answer(message: message, stepBytes: byteCount, stepTokens: tokens)
            // So many at once have only streams that push what they should not; a lost answer would be waited for.
            if !self.send(answer) { self.stream.reset() }
        }
    }

    /// Answers at once where that needs no wait, which saves what the writer's task costs; answers of steps may leave in any
    /// order.
    ///
    /// - Returns: false where too many wait.
    private func send(_ answer: Answer) -> Bool {
        let start = ContinuousClock.now
        // What the stream fails with is the writer's to say.
        guard (try? self.stream.sendFrame(answer.message)) != true else {
            self.left(answer, after: start.duration(to: .now))
            return true
        }
        if case .dropped = self.outgoing.yield(answer) { return false }
        return true
    }

    private func left(_ answer: Answer, after duration: Duration) {
        self.metrics.exchanged(request: answer.stepBytes, answer: answer.message.readableBytes, took: duration)
        self.end(answer)
    }

    private func response(to request: InferenceRequest) async -> InferenceResponse {
        guard let step = request.step, step.operation != .open else { return await self.open(request) }
        var response = await self.answer(self.coordinator, request)
        // The next hop first: the coordinator's copy is for its log.
        if !step.push.isEmpty, response.code == .ok {
            let isPushed = await self.pushOn(response, of: request, step)
            response.step?.isUnpushed = !isPushed
        }
        return response
    }

    private func checkSession(of request: InferenceRequest) throws(ShardError) {
        let isOwn = self.state.withLock { state in
            state.session = state.session ?? request.sessionID
            return state.session == request.sessionID
        }
        guard isOwn else { throw .malformed("a stream carries the steps of one session") }
    }

    private func begin(_ byteCount: Int, _ tokens: Int) {
        self.state.withLock { state in
            state.outstanding += 1
            state.bytes += byteCount
            state.tokens += tokens
        }
    }

    private func end(_ answer: Answer) {
        let readers = self.state.withLock { state -> [CheckedContinuation<Void, Never>] in
            state.outstanding -= 1
            state.bytes -= answer.stepBytes
            state.tokens -= answer.stepTokens
            state.lastAnswer = .now
            return state.hasRoom ? state.takeReaders() : []
        }
        for reader in readers { reader.resume() }
    }

    private static func message(_ response: InferenceResponse, answering step: UInt32) -> ByteBuffer {
        var response = response
        response.step = response.step ?? ReplyExtension(code: response.code)
        response.step?.step = step
        let message = response.encoded()
        guard message.readableBytes > Limits.sentMessage else { return message }
        let text = "the answer has \(message.readableBytes) bytes; ask for fewer tokens or logits at a time"
        return InferenceResponse.failure(text, step: ReplyExtension(code: .tooLarge, step: step)).encoded()
    }

    /// A caller that sends without reading the answers stops itself, and whoever pushes for it.
    func waitForRoom() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let mustWait = self.state.withLock { state in
                    // A task is marked as cancelled before its handler runs, so none slips through between the two.
                    guard !state.hasRoom, !state.isOver, !Task.isCancelled else { return false }
                    state.readers.append(continuation)
                    return true
                }
                if !mustWait { continuation.resume() }
            }
        } onCancel: {
            // The others read one step more than there is room for.
            for reader in self.state.withLock({ $0.takeReaders() }) { reader.resume() }
        }
    }
}

// MARK: Pushing

extension SessionStream {
    /// The coordinator says from whom the session's steps come, and to whom they go on.
    private func open(_ request: InferenceRequest) async -> InferenceResponse {
        if let predecessor = request.step?.predecessor {
            self.desk.expect(request.sessionID, of: self, from: predecessor)
        }
        guard let target = request.step?.successor else { return Self.opened(request, .ok) }
        let edge = await self.desk.edge(to: target, for: self.coordinator, at: self.stream.remoteAddress) {
            self.broke($0, openedBy: request)
        }
        let (old, isOver) = self.state.withLock { state in
            defer { state.edge = edge }
            return (state.edge, state.isOver)
        }
        old?.end()
        if isOver { edge?.end() }
        return Self.opened(request, edge == nil ? .unreachable : .ok)
    }

    /// A way that was opened has broken, which the coordinator could only guess: the order that opened it is answered again.
    private func broke(_ edge: PushEdge, openedBy request: InferenceRequest) {
        guard self.state.withLock({ $0.edge === edge && !$0.isOver }) else { return }
        let message = Self.message(Self.opened(request, .unreachable), answering: request.step?.step ?? 0)
        let answer = Answer(message: message, stepBytes: 0, stepTokens: 0)
        self.begin(0, 0)
        // Behind the answer that it takes back. Where it is not said, the deadline of what was pushed does.
        if case .enqueued = self.outgoing.yield(answer) { return }
        self.end(answer)
    }

    private static func opened(_ request: InferenceRequest, _ code: ReplyCode) -> InferenceResponse {
        guard code != .ok else {
            return InferenceResponse(
                sessionID: request.sessionID,
                kind: .hiddenStates,
                activations: .none,
                step: ReplyExtension(code: code)
            )
        }
        return .failure("the next hop cannot be reached from here", step: ReplyExtension(code: code))
    }

    /// Sends what the step gave to the next hop; false where it will not get there.
    private func pushOn(
        _ response: InferenceResponse,
        of request: InferenceRequest,
        _ step: StepExtension
    ) async -> Bool {
        guard let edge = self.state.withLock({ $0.edge }), response.kind == .hiddenStates, let number = step.push.first
        else { return false }
        var next = step
        next.blocks = edge.target.blocks
        next.step = number
        next.maxTokens = edge.target.maxTokens
        next.push.removeFirst()
        next.refusesPushes = false
        next.coordinator = self.coordinator
        let push = InferenceRequest(
            sessionID: edge.target.session,
            position: request.position,
            payload: .hiddenStates(response.activations),
            step: next
        )
        return await edge.push(push.encoded())
    }
}
