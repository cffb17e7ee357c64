internal import Model
internal import NIOCore
internal import ShardProtocol
internal import SwarmCore

/// How a step ended, before it is put into the words of a response.
enum StepOutcome: Sendable {
    /// - `values`: f16 bits of hidden states `[tokens][hidden]` or of logits `[tokens][vocabulary]`.
    case computed(values: [UInt16], have: Int, queued: Duration, took: Duration)
    /// The session is closed.
    case closed
    case refused(Refusal, String)
}

extension StepOutcome {
    init(_ error: ModelError, have: Int) {
        let code: ReplyCode =
            switch error.code {
            case .wrongRange: .wrongRange
            case .badToken, .badTensor: .badTensor
            case .contextExceeded: .tooLarge
            case .positionGap: .gap
            case .outOfMemory: .busy
            default: .failed
            }
        let retryAfter: Duration? = code == .busy ? .seconds(1) : nil
        // Refusals are logged, and no log tells a token of anybody's.
        let text = error.code == .badToken ? "a token of the step is beyond the vocabulary" : error.message
        self = .refused(Refusal(code: code, have: have, retryAfter: retryAfter), text)
    }

    /// A refusal by the ledger, in words.
    init(_ refusal: Refusal, position: Int) {
        let text =
            switch refusal.code {
            case .busy: "no room for this step just now; try again later, or on another peer"
            case .gap: "the step starts at position \(position) but the session holds \(refusal.have) tokens"
            case .unknownSession: "no such session here; start one at position 0"
            case .staleStep: "a newer step of this session has been seen"
            case .wrongRange: "the session runs other blocks; start a new one at position 0"
            case .tooLarge: "position \(position) and this step exceed the context or the memory for KV-caches"
            case .draining: "node is leaving; use another peer"
            default: "the step was refused"
            }
        self = .refused(refusal, text)
    }

    /// The response to `request`; its extension only for those who sent theirs.
    func response(to request: InferenceRequest, _ answer: StepInput.Answer, width: Int) -> InferenceResponse {
        switch self {
        case .computed(let values, let have, let queued, let took):
            let step = ReplyExtension(
                code: .ok,
                have: UInt32(clamping: have),
                queueMicroseconds: Self.microseconds(queued),
                computeMicroseconds: Self.microseconds(took)
            )
            return Self.tensor(values, for: request, answer, width: width, step)
        case .closed:
            return InferenceResponse(
                sessionID: request.sessionID,
                kind: .hiddenStates,
                activations: .none,
                step: request.step.map { _ in ReplyExtension(code: .ok) }
            )
        case .refused(let refusal, let text):
            let delay = refusal.retryAfter.map { UInt32(clamping: Self.microseconds($0) / 1000) }
            let step = ReplyExtension(
                code: refusal.code,
                have: UInt32(clamping: refusal.have),
                retryAfterMilliseconds: delay
            )
            return .failure(text, step: request.step.map { _ in step })
        }
    }

    /// - Parameter width: values in a row of hidden states.
    private static func tensor(
        _ values: [UInt16],
        for request: InferenceRequest,
        _ answer: StepInput.Answer,
        width: Int,
        _ step: ReplyExtension
    ) -> InferenceResponse {
        let tokens = request.payload.tokenCount ?? 0
        let (kind, activations): (InferenceResponse.Kind, Activations?) =
            switch answer {
            case .hiddenStates: (.hiddenStates, try? Activations(tokens: tokens, halves: values))
            case .nothing:
                (.hiddenStates, try? Activations(shape: [1, 0, UInt32(clamping: width)], data: ByteBuffer()))
            case .logits(.last): (.logits, try? Activations(tokens: 1, halves: values))
            case .logits(.final(let count)): (.logits, try? Activations(tokens: count, halves: values))
            case .logits(.every): (.logits, try? Activations(tokens: tokens, halves: values))
            }
        guard let activations else {
            return StepOutcome.refused(
                Refusal(code: .failed),
                "the blocks gave \(values.count) values for \(tokens) tokens"
            )
            .response(to: request, answer, width: width)
        }
        return InferenceResponse(
            sessionID: request.sessionID,
            kind: kind,
            activations: activations,
            step: request.step.map { _ in step }
        )
    }

    private static func microseconds(_ duration: Duration) -> UInt64 {
        UInt64(clamping: Int64(max(duration, .zero) / .microseconds(1)))
    }
}
