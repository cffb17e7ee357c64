internal import NIOCore
public import P2PCore
public import P2PWire
internal import Synchronization

/// Serves `/kwaai/inference/1.1.0`: reads steps of one session from each stream and writes their answers as they come.
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
    host.handle(InferenceStream.protocolID, limit: limit, limitPerPeer: max(1, limit / 4)) { stream in
        try await SessionStream(stream, metrics, answer).serve()
    }
}

/// One stream that is being served.
private final class SessionStream: Sendable {
    private struct State {
        /// The one session of this stream; the first step says which.
        var session: SessionID?
        /// Steps that were read and whose answers have not left, the bytes of their messages, and their tokens, which say
        /// how large the answers may become.
        var outstanding = 0
        var bytes = 0
        var tokens = 0
        /// The reader, while these are too many.
        var reader: CheckedContinuation<Void, Never>?
        var lastAnswer = ContinuousClock.now
        /// When the answer began to leave that is leaving.
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

        mutating func takeReader() -> CheckedContinuation<Void, Never>? {
            defer { self.reader = nil }
            return self.reader
        }
    }

    private struct Answer: Sendable {
        var message: ByteBuffer
        /// Bytes and tokens of the step that it answers.
        var stepBytes: Int
        var stepTokens: Int
    }

    private let stream: PeerStream
    private let metrics: ExchangeMetrics
    private let answer: @Sendable (PeerID, InferenceRequest) async -> InferenceResponse
    private let state = Mutex(State())
    private let answers: AsyncStream<Answer>
    private let outgoing: AsyncStream<Answer>.Continuation

    init(
        _ stream: PeerStream,
        _ metrics: ExchangeMetrics,
        _ answer: @escaping @Sendable (PeerID, InferenceRequest) async -> InferenceResponse
    ) {
        self.stream = stream
        self.metrics = metrics
        self.answer = answer
        (self.answers, self.outgoing) = AsyncStream.makeStream(
            bufferingPolicy: .bufferingOldest(Limits.outstandingSteps)
        )
    }

    /// Returns once the caller has ended its direction and every step is answered.
    ///
    /// - Throws: what broke the stream, for which it is to be reset.
    func serve() async throws {
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
                self.metrics.exchanged(
                    request: answer.stepBytes,
                    answer: answer.message.readableBytes,
                    took: start.duration(to: .now)
                )
                self.end(answer)
            }
            // What reading broke on is thrown here; the watch has nothing more to watch.
            group.cancelAll()
            while let ending = await group.nextResult() {
                if case .failure(let error) = ending, !(error is CancellationError) { throw error }
            }
        }
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
                let byteCount = message.readableBytes
                // Logits are many times as large as what they are made of, so such a step is alone.
                let tokens = step.logits == .every ? Limits.outstandingTokens : request.payload.tokenCount ?? 0
                self.begin(byteCount, tokens)
                // At once, so that steps reach their session in the order in which they were sent.
                steps.addImmediateTask {
                    let response = await self.answer(peer, request)
                    let answered = ContinuousClock.now
                    let message = Self.message(response, answering: step.step)
                    self.metrics.serialised(in: reading + answered.duration(to: .now))
                    self.outgoing.yield(Answer(message: message, stepBytes: byteCount, stepTokens: tokens))
                }
                await self.waitForRoom()
            }
        }
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
        let reader = self.state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.outstanding -= 1
            state.bytes -= answer.stepBytes
            state.tokens -= answer.stepTokens
            state.lastAnswer = .now
            state.isWritingSince = nil
            return state.hasRoom ? state.takeReader() : nil
        }
        reader?.resume()
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

    /// A caller that sends without reading the answers stops itself.
    private func waitForRoom() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let mustWait = self.state.withLock { state in
                    // A task is marked as cancelled before its handler runs, so none slips through between the two.
                    guard !state.hasRoom, !Task.isCancelled else { return false }
                    state.reader = continuation
                    return true
                }
                if !mustWait { continuation.resume() }
            }
        } onCancel: {
            self.state.withLock { $0.takeReader() }?.resume()
        }
    }
}
