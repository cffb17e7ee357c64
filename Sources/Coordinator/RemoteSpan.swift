package import P2PCore
package import P2PWire
package import ShardProtocol

/// One session on one block server.
///
/// Steps carry rising numbers; a step whose connection broke is sent once more, which is safe because a block server
/// joins or recomputes a repeated step (DESIGN.md §5). A plain 1.0.0 server would append it, so there it is never sent
/// twice.
package actor RemoteSpan: Span {
    package nonisolated let blocks: BlockRange
    package nonisolated let isExact: Bool
    package nonisolated let name: String

    package nonisolated var executor: (any TaskExecutor)? { self.host.executor }
    package nonisolated var peer: PeerID? { self.info.id }

    private let info: PeerInfo
    private let host: Host
    private let link: HopLink
    private let speaksStreams: Bool
    private let session: SessionID
    private let maximumTokens: Int
    private let isLastOfChain: Bool
    private let model: Shape
    private var stepNumber: UInt32 = 0
    /// The most tokens that the peer may hold of this session; a step whose answer never came may have been run.
    private var length = 0
    private var isOpen = false

    /// What the answers must look like.
    package struct Shape: Sendable {
        package var hiddenSize: Int
        package var vocabularySize: Int
    }

    /// - Parameters:
    ///   - speaksExtension: whether the peer's node record lists `x/1`; without it the request names no range.
    ///   - speaksStreams: whether it lists `/kwaai/inference/1.1.0`; without it every step has a stream of its own.
    ///   - maximumTokens: the positions that the peer should reserve.
    package init(
        peer: PeerInfo,
        blocks: BlockRange,
        speaksExtension: Bool,
        speaksStreams: Bool = false,
        isLastOfChain: Bool,
        maximumTokens: Int,
        model: Shape,
        host: Host
    ) {
        self.info = peer
        self.blocks = blocks
        self.isExact = speaksExtension
        self.isLastOfChain = isLastOfChain
        self.maximumTokens = maximumTokens
        self.model = model
        self.host = host
        self.link = HopLink(to: peer, over: host, speaksStreams: speaksStreams)
        self.speaksStreams = speaksStreams
        self.name = "\(peer.id)"
        var generator = SystemRandomNumberGenerator()
        self.session = SessionID.random(using: &generator)
    }

    package func step(
        _ input: SpanInput,
        at position: Int,
        wantsLogits: Bool,
        guesses: Int,
        deadline: StepDeadline?
    ) async throws(CoordinatorError) -> SpanAnswer {
        let payload: InferenceRequest.Payload =
            switch input {
            case .tokens(let tokens): .tokenIDs(tokens)
            case .hidden(let activations): .hiddenStates(activations)
            }
        let tokens = payload.tokenCount ?? 0
        guard self.isExact || position >= self.length else {
            throw CoordinatorError(.refused(.gap), "peer \(self.name) cannot go back to position \(position)")
        }
        let logits: StepExtension.Logits = !wantsLogits ? .none : guesses > 0 ? .every : .last
        let request = self.request(.step, payload: payload, at: position, logits: logits)
        self.stepNumber += 1
        self.isOpen = true
        self.length = max(self.length, position + tokens)
        let clock = ContinuousClock()
        let start = clock.now
        let response = try await self.answer(to: request, deadline)
        let elapsed = clock.now - start
        let output = try self.output(of: response, tokens: tokens, logits: logits)
        self.length = position + tokens
        return SpanAnswer(
            output: output,
            timing: Self.timing(of: response, elapsed: elapsed),
            isLeaving: response.step?.isDraining ?? false
        )
    }

    package nonisolated func reopened() -> (any Span)? {
        RemoteSpan(
            peer: self.info,
            blocks: self.blocks,
            speaksExtension: self.isExact,
            speaksStreams: self.speaksStreams,
            isLastOfChain: self.isLastOfChain,
            maximumTokens: self.maximumTokens,
            model: self.model,
            host: self.host
        )
    }

    package func close() async {
        guard self.isOpen, self.isExact else { return }
        self.isOpen = false
        let request = self.request(.close, payload: .tokenIDs([]), at: 0, logits: .none)
        await self.link.close(with: request)
    }

    private func request(
        _ operation: StepExtension.Operation,
        payload: InferenceRequest.Payload,
        at position: Int,
        logits: StepExtension.Logits
    ) -> InferenceRequest {
        let step = StepExtension(
            operation: operation,
            blocks: self.blocks,
            step: self.stepNumber,
            rollback: position > 0 && position < self.length,
            maxTokens: UInt32(clamping: self.maximumTokens),
            logits: logits
        )
        return InferenceRequest(
            sessionID: self.session,
            position: SequencePosition(rawValue: UInt32(clamping: position)),
            payload: payload,
            step: self.isExact ? step : nil
        )
    }
}

// MARK: - Waiting for the answer

extension RemoteSpan {
    /// Waits for the answer as long as the peer shows signs of life and nobody else has taken the step over.
    private func answer(
        to request: InferenceRequest,
        _ deadline: StepDeadline?
    ) async throws(CoordinatorError) -> InferenceResponse {
        do {
            return try await self.host.whileAlive(self.info.id, deadline: deadline) {
                try await self.exchange(request)
            }
        } catch let error as CoordinatorError {
            throw error
        } catch is CancellationError {
            throw CoordinatorError(.cancelled, "the generation was cancelled")
        } catch {
            throw CoordinatorError(.peerLost, "lost peer \(self.name), which ran blocks \(self.blocks): \(error)")
        }
    }

    /// Sends the request, once more where its connection broke, and waits out `busy` within a bound.
    private func exchange(_ request: InferenceRequest) async throws -> InferenceResponse {
        let clock = ContinuousClock()
        let patience = clock.now + Limits.busyTime
        var resendsLeft = self.isExact ? 1 : 0
        while true {
            do {
                let response = try await self.link.send(request)
                guard let refusal = self.refusal(in: response) else { return response }
                guard case .refused(.busy) = refusal.code, clock.now < patience else { throw refusal }
                let advice = response.step?.retryAfterMilliseconds ?? Limits.defaultRetryMilliseconds
                let wait = max(advice, Limits.shortestRetryMilliseconds)
                try await pause(for: min(.milliseconds(Int(wait)), patience - clock.now))
            } catch let error as ShardError where error.code == .unreachable && resendsLeft > 0 {
                resendsLeft -= 1
            }
        }
    }

    private func refusal(in response: InferenceResponse) -> CoordinatorError? {
        guard response.code != .ok else { return nil }
        return CoordinatorError(
            .refused(response.code),
            "peer \(self.name) refused to run blocks \(self.blocks): \(response.error ?? response.code.rawValue)"
        )
    }
}

// MARK: - Reading the answer

extension RemoteSpan {
    private func output(
        of response: InferenceResponse,
        tokens: Int,
        logits: StepExtension.Logits
    ) throws(CoordinatorError) -> SpanOutput {
        guard response.sessionID == self.session else {
            throw CoordinatorError(
                .badReply,
                "peer \(self.name) answered for another session: leave it out and run again"
            )
        }
        switch response.kind {
        case .logits where self.isLastOfChain:
            try self.check(response.activations, shape: [1, logits == .every ? tokens : 1, self.model.vocabularySize])
            return .logits(response.activations.halves)
        case .hiddenStates where !self.isLastOfChain:
            try self.check(response.activations, shape: [1, tokens, self.model.hiddenSize])
            return .hidden(response.activations)
        case .hiddenStates where logits == .none:
            return .nothing
        case .logits, .hiddenStates:
            throw CoordinatorError(
                .badReply,
                "peer \(self.name) answered \(response.kind) for blocks \(self.blocks): does it serve this model and range?"
            )
        }
    }

    private func check(_ activations: Activations, shape: [Int]) throws(CoordinatorError) {
        guard activations.shape.map(Int.init) == shape else {
            throw CoordinatorError(
                .badReply,
                "peer \(self.name) answered a tensor of shape \(activations.shape) where \(shape) belongs: leave it out and run again"
            )
        }
        // The next hop would refuse them, and take the blame.
        guard activations.isFinite else {
            throw CoordinatorError(
                .badReply,
                "peer \(self.name) answered values that are not numbers: leave it out and run again"
            )
        }
    }

    static func timing(of response: InferenceResponse, elapsed: Duration) -> StepTiming {
        // A peer may say anything, but it cannot have taken longer than we waited.
        let compute = min(elapsed, .microseconds(Int64(clamping: response.step?.computeMicroseconds ?? 0)))
        let queue = min(elapsed - compute, .microseconds(Int64(clamping: response.step?.queueMicroseconds ?? 0)))
        return StepTiming(compute: compute, queue: queue, network: elapsed - compute - queue)
    }
}
