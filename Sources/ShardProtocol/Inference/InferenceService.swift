internal import NIOCore
public import P2PCore
public import P2PWire

/// Serves `/kwaai/inference/1.0.0`: reads one request per stream, asks `answer` once and writes its reply.
///
/// A caller that resets its stream or cancels its call before the answer is ready cancels the task that runs `answer`.
///
/// - Parameters:
///   - limit: streams served at a time; more are reset, which bounds what callers can make this process hold. One peer
///     has at most half of them, so that it cannot keep all others out.
///   - answer: who asks, as Noise proved it, and what. Never called for bytes that are no request.
public func serveInference(
    on host: Host,
    limit: Int,
    _ answer: @escaping @Sendable (PeerID, InferenceRequest) async -> InferenceResponse
) {
    let metrics = ExchangeMetrics()
    host.handle(InferenceRequest.protocolID, limit: limit, limitPerPeer: max(1, limit / 2)) { stream in
        let start = ContinuousClock.now
        let frame = try await withDeadline(Limits.transferTime, "a request of \(stream.remotePeer)") {
            () async throws(P2PError) in
            try await stream.readFrame(limit: Limits.receivedMessage + Limits.frameOverhead)
        }
        let received = ContinuousClock.now
        guard case .call(let id, _, _, let data) = try UnaryFrame(decoding: frame) else {
            throw ShardError.malformed("a stream did not start with a call")
        }
        let exchange = InferenceExchange(stream: stream, id: id, metrics: metrics)
        guard let reply = try await exchange.reply(to: data, answer)?.encoded() else { return stream.reset() }
        let encoded = ContinuousClock.now
        try await withDeadline(Limits.transferTime, "the answer to \(stream.remotePeer)") {
            () async throws(P2PError) in
            try await stream.writeFrame(reply)
        }
        metrics.exchanged(
            request: frame.readableBytes,
            answer: reply.readableBytes,
            took: start.duration(to: received) + encoded.duration(to: .now)
        )
        // Closing our side ends the exchange; the caller's end of file is not waited for.
        try await stream.closeWrite()
    }
}

/// One call that is being answered.
private struct InferenceExchange: Sendable {
    let stream: PeerStream
    let id: CallID
    let metrics: ExchangeMetrics

    private enum Outcome: Sendable {
        case answered(InferenceResponse)
        /// The caller gave up.
        case abandoned
    }

    /// The frame to write; nil when the caller gave up first.
    func reply(
        to data: ByteBuffer,
        _ answer: @escaping @Sendable (PeerID, InferenceRequest) async -> InferenceResponse
    ) async throws -> UnaryFrame? {
        let start = ContinuousClock.now
        let request: InferenceRequest
        do {
            request = try InferenceRequest(decoding: data)
        } catch {
            let code: ReplyCode =
                switch error.code {
                case .badTensor: .badTensor
                case .tooLarge: .tooLarge
                default: .badRequest
                }
            return .response(self.id, Self.refusal(error.message, code).encoded())
        }
        let decoded = ContinuousClock.now
        let outcome = await withTaskGroup(of: Outcome.self) { group in
            group.addTask { .answered(await answer(self.stream.remotePeer, request)) }
            group.addTask {
                await self.untilCallerGivesUp()
                return .abandoned
            }
            defer { group.cancelAll() }
            return await group.next() ?? .abandoned
        }
        guard case .answered(let response) = outcome else { return nil }
        let answered = ContinuousClock.now
        let message = response.encoded()
        self.metrics.serialised(in: start.duration(to: decoded) + answered.duration(to: .now))
        guard message.readableBytes <= Limits.sentMessage else {
            let text = "the answer has \(message.readableBytes) bytes; ask for fewer tokens or logits at a time"
            return .response(self.id, Self.refusal(text, .tooLarge).encoded())
        }
        return .response(self.id, message)
    }

    /// An error that does not come from the session: what it holds is unknown here, so `x` tells the code alone.
    private static func refusal(_ text: String, _ code: ReplyCode) -> InferenceResponse {
        .failure(text, step: ReplyExtension(code: code))
    }

    /// Waits for a cancellation: the frame for it, a reset, or the end of the caller's direction, which is all that p2pd does.
    /// What the caller sends besides has no meaning and is ignored.
    private func untilCallerGivesUp() async {
        while let frame = try? await self.stream.readFrame(limit: Limits.frameOverhead) {
            if case .cancel(self.id)? = try? UnaryFrame(decoding: frame) { return }
        }
    }
}
