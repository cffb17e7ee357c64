import NIOCore
import P2PCore
import P2PWire
import ShardProtocol

/// One step of an inference and its answer, the ones whose bytes are published: token ids 1, 42, 999 and 32000 of session
/// 12345 give the logits 1, 2, 3 and -4.
enum GoldenStep {
    static let request = InferenceRequest(
        sessionID: SessionID(rawValue: 12_345),
        position: .start,
        payload: .tokenIDs([1, 42, 999, 32_000])
    )

    static func response() throws(ShardError) -> InferenceResponse {
        let halves: [UInt16] = [0x3c00, 0x4000, 0x4200, 0xc400]
        return InferenceResponse(
            sessionID: self.request.sessionID,
            kind: .logits,
            activations: try Activations(tokens: 1, halves: halves)
        )
    }
}

/// Steps that are agreed upon for cancelling: one that is answered only when its caller gives up, and two that are answered
/// as soon as such a step waits, and as soon as one has been cancelled.
enum CancelledStep {
    static let waiting = Self.step(7)
    static let untilOneWaits = Self.step(8)
    static let untilOneIsCancelled = Self.step(9)

    static let oneWaits = "one waits"
    static let oneIsCancelled = "one is cancelled"

    private static func step(_ token: UInt32) -> InferenceRequest {
        InferenceRequest(sessionID: GoldenStep.request.sessionID, position: .start, payload: .tokenIDs([token]))
    }
}

/// What became of the steps that wait: each is told once when it begins, and once when it is cancelled.
struct WaitingSteps: Sendable {
    private let begun = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(64))
    private let cancelled = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(64))

    func wait() async -> InferenceResponse {
        self.begun.continuation.yield()
        // Ended by the caller's cancellation.
        try? await Task.sleep(for: .seconds(300))
        self.cancelled.continuation.yield()
        return .failure("nobody waits for this")
    }

    func untilOneWaits() async -> InferenceResponse {
        for await _ in self.begun.stream { return .failure(CancelledStep.oneWaits) }
        return .failure("nobody waits any more")
    }

    func untilOneIsCancelled() async -> InferenceResponse {
        for await _ in self.cancelled.stream { return .failure(CancelledStep.oneIsCancelled) }
        return .failure("nobody is cancelled any more")
    }
}

extension Host {
    /// Answers the steps agreed upon, and says of any other that it is none of them.
    func serveInferenceStep() {
        let steps = WaitingSteps()
        serveInference(on: self, limit: 64) { _, request in
            switch request {
            case GoldenStep.request:
                (try? GoldenStep.response()) ?? .failure("the published answer is not one")
            case CancelledStep.waiting: await steps.wait()
            case CancelledStep.untilOneWaits: await steps.untilOneWaits()
            case CancelledStep.untilOneIsCancelled: await steps.untilOneIsCancelled()
            default: .failure("another request than the one agreed upon: \(request)")
            }
        }
    }
}

extension Checks {
    /// A caller that gives up is heard: the callee's handler is cancelled, and the connection lives on.
    func cancel() async throws {
        let client = InferenceClient(host: self.host)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                _ = try? await client.send(CancelledStep.waiting, to: self.peer, timeout: .seconds(60))
            }
            try await self.expect(CancelledStep.oneWaits, CancelledStep.untilOneWaits, client)
            group.cancelAll()
        }
        try await self.expect(CancelledStep.oneIsCancelled, CancelledStep.untilOneIsCancelled, client)
    }

    /// The callee answers when it is so.
    private func expect(_ text: String, _ step: InferenceRequest, _ client: InferenceClient) async throws {
        let answer = try await client.send(step, to: self.peer, timeout: .seconds(30))
        guard answer.error == text else {
            throw CheckFailure(description: "\(answer) instead of \"\(text)\"")
        }
    }
}
