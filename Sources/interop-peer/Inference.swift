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

/// Steps that are agreed upon for cancelling: one that is answered only when its caller gives up, and one that asks how many
/// such steps wait and how many were cancelled.
enum CancelledStep {
    static let waiting = Self.step(7)
    static let census = Self.step(8)

    private static func step(_ token: UInt32) -> InferenceRequest {
        InferenceRequest(sessionID: GoldenStep.request.sessionID, position: .start, payload: .tokenIDs([token]))
    }
}

/// What became of the steps that wait.
actor WaitingSteps {
    private var waiting = 0
    private var cancelled = 0

    var census: String { "waiting \(self.waiting), cancelled \(self.cancelled)" }

    func wait() async -> InferenceResponse {
        self.waiting += 1
        // Ended by the caller's cancellation.
        try? await Task.sleep(for: .seconds(300))
        self.waiting -= 1
        self.cancelled += 1
        return .failure("nobody waits for this")
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
            case CancelledStep.census: .failure(await steps.census)
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
            try await self.census("waiting 1, cancelled 0", client)
            group.cancelAll()
        }
        try await self.census("waiting 0, cancelled 1", client)
    }

    /// Asks until the callee says so; the check's deadline bounds it.
    private func census(_ expected: String, _ client: InferenceClient) async throws {
        while try await client.send(CancelledStep.census, to: self.peer, timeout: .seconds(10)).error != expected {
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}
