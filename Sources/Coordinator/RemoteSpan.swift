package import P2PCore
package import P2PWire
package import ShardProtocol
import SwarmCore
import Synchronization

/// One session on one block server.
///
/// A step whose connection broke is sent once more, which is safe because a block server joins or recomputes a repeated
/// step (DESIGN.md §5). A plain 1.0.0 server would append it, so there it is never sent twice.
package final class RemoteSpan: Span {
    package let blocks: BlockRange
    package let isExact: Bool
    package let name: String

    package var executor: (any TaskExecutor)? { self.host.executor }
    package var peer: PeerID? { self.info.id }
    package var takesStepsAhead: Bool { self.speaksStreams }

    private let info: PeerInfo
    private let host: Host
    private let link: HopLink
    private let speaksStreams: Bool
    private let speaksPush: Bool
    private let session: SessionID
    private let maximumTokens: Int
    private let isLastOfChain: Bool
    private let model: Shape
    private let state = Mutex(State())

    private struct State {
        var isOpen = false
        /// The number after that of the last step.
        var nextNumber: UInt32 = 0
        /// Steps that were sent and have not ended.
        var running: Set<UInt32> = []
        /// Who waits for the end of one of them.
        var awaiting: [UInt32: AsyncStream<Never>.Continuation] = [:]
        /// Openings have numbers too, which are no step's.
        var openings: UInt32 = 0
    }

    /// What the answers must look like.
    package struct Shape: Sendable {
        package var hiddenSize: Int
        package var vocabularySize: Int
    }

    /// - Parameters:
    ///   - speaksExtension: whether the peer's node record lists `x/1`; without it the request names no range.
    ///   - speaksStreams: whether it lists `/kwaai/inference/1.1.0`; without it every step has a stream of its own.
    ///   - speaksPush: whether it lists `/kwaai/push/1.0.0`.
    ///   - maximumTokens: the positions that the peer should reserve.
    package init(
        peer: PeerInfo,
        blocks: BlockRange,
        speaksExtension: Bool,
        speaksStreams: Bool = false,
        speaksPush: Bool = false,
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
        self.speaksPush = speaksPush && speaksStreams
        self.name = "\(peer.id)"
        var generator = SystemRandomNumberGenerator()
        self.session = SessionID.random(using: &generator)
    }

    package func step(_ step: SpanStep, deadline: StepDeadline?) async throws(CoordinatorError) -> SpanAnswer {
        guard self.isExact || !step.goesBack else {
            throw CoordinatorError(.refused(.gap), "peer \(self.name) cannot go back to position \(step.position)")
        }
        let logits = self.logits(step.wantsLogits, step.guesses)
        let wanted: StepExtension.Logits = step.pushedLogits > 1 ? .every : .last
        let request = self.request(step, logits: step.pushedLogits > 0 ? wanted : logits)
        self.state.withLock { state in
            state.isOpen = true
            state.nextNumber = step.number + 1
            state.running.insert(step.number)
        }
        defer { self.ended(step.number) }
        let clock = ContinuousClock()
        let start = clock.now
        let response = try await self.answer(to: request, after: step.isAhead ? step.number - 1 : nil, deadline)
        let elapsed = clock.now - start
        return try self.answer(response, tokens: step.input.tokenCount, logits, elapsed)
    }

    private func ended(_ step: UInt32) {
        let awaiting = self.state.withLock { state in
            state.running.remove(step)
            return state.awaiting.removeValue(forKey: step)
        }
        awaiting?.finish()
    }

    /// Returns once a step has ended, or the task is cancelled. Only the step after it asks.
    private func waitForEnd(of step: UInt32) async {
        let (end, ending) = AsyncStream.makeStream(of: Never.self, bufferingPolicy: .bufferingNewest(1))
        let isRunning = self.state.withLock { state in
            guard state.running.contains(step) else { return false }
            state.awaiting[step] = ending
            return true
        }
        guard isRunning else { return }
        for await _ in end {}
    }

    private func logits(_ areWanted: Bool, _ guesses: Int) -> StepExtension.Logits {
        !areWanted ? .none : guesses > 0 ? .every : .last
    }

    private func answer(
        _ response: InferenceResponse,
        tokens: Int,
        _ logits: StepExtension.Logits,
        _ elapsed: Duration
    ) throws(CoordinatorError) -> SpanAnswer {
        var answer = SpanAnswer(
            output: try self.output(of: response, tokens: tokens, logits: logits),
            timing: Self.timing(of: response, elapsed: elapsed),
            isLeaving: response.step?.isDraining ?? false
        )
        answer.isUnpushed = response.step?.isUnpushed ?? false
        return answer
    }

    package func reopened() -> (any Span)? {
        RemoteSpan(
            peer: self.info,
            blocks: self.blocks,
            speaksExtension: self.isExact,
            speaksStreams: self.speaksStreams,
            speaksPush: self.speaksPush,
            isLastOfChain: self.isLastOfChain,
            maximumTokens: self.maximumTokens,
            model: self.model,
            host: self.host
        )
    }

    package func close() async {
        let number = self.state.withLock { state in
            defer { state.isOpen = false }
            return state.isOpen ? state.nextNumber : nil
        }
        guard let number, self.isExact else { return }
        let step = StepExtension(operation: .close, blocks: self.blocks, step: number, logits: .none)
        await self.link.close(
            with: InferenceRequest(sessionID: self.session, position: .start, payload: .tokenIDs([]), step: step)
        )
    }

    private func request(_ step: SpanStep, logits: StepExtension.Logits) -> InferenceRequest {
        let payload: InferenceRequest.Payload =
            switch step.input {
            case .tokens(let tokens): .tokenIDs(tokens)
            case .hidden(let activations): .hiddenStates(activations)
            }
        var extra = StepExtension(
            blocks: self.blocks,
            step: step.number,
            rollback: step.goesBack,
            maxTokens: UInt32(clamping: self.maximumTokens),
            logits: logits
        )
        extra.push = step.push
        extra.refusesPushes = step.refusesPushes
        return InferenceRequest(
            sessionID: self.session,
            position: SequencePosition(rawValue: UInt32(clamping: step.position)),
            payload: payload,
            step: self.isExact ? extra : nil
        )
    }
}

// MARK: - Pushing

extension RemoteSpan {
    package var pushTarget: PushTarget? {
        guard self.speaksPush else { return nil }
        var peer = self.info
        for address in self.host.addresses(of: peer.id) where !peer.addresses.contains(address) {
            peer.addresses.append(address)
        }
        return PushTarget(
            peer: peer,
            session: self.session,
            blocks: self.blocks,
            maxTokens: UInt32(clamping: self.maximumTokens)
        )
    }

    package func takePushes(from peer: PeerID) async -> Bool {
        await self.open({ $0.predecessor = peer }) { [link] request in try await link.send(request) }
    }

    package func push(to target: PushTarget, broke: @escaping @Sendable () -> Void) async -> Bool {
        await self.open({ $0.successor = target }) { [link] request in try await link.open(request, broke: broke) }
    }

    private func open(
        _ change: (inout StepExtension) -> Void,
        _ send: @escaping @Sendable (InferenceRequest) async throws -> InferenceResponse
    ) async -> Bool {
        let number = self.state.withLock { state in
            state.isOpen = true
            state.openings += 1
            return UInt32.max - state.openings
        }
        var step = StepExtension(operation: .open, blocks: self.blocks, step: number, logits: .none)
        change(&step)
        let request = InferenceRequest(
            sessionID: self.session,
            position: .start,
            payload: .tokenIDs([]),
            step: step
        )
        let response = try? await self.host.whileAlive(self.info.id) { try await send(request) }
        return response?.code == .ok
    }

    package func expect(_ step: PushedStep, _ ended: @escaping @Sendable (PushOutcome) -> Void) {
        self.state.withLock { $0.nextNumber = step.number + 1 }
        let clock = ContinuousClock()
        let start = clock.now
        self.link.expect(step.number) { result in
            guard case .success(let response) = result, response.code == .ok else { return ended(.astray) }
            let logits = self.logits(step.wantsLogits, step.guesses)
            do throws(CoordinatorError) {
                let elapsed = clock.now - start
                ended(.answered(try self.answer(response, tokens: step.tokenCount, logits, elapsed)))
            } catch {
                ended(.failed(error))
            }
        }
    }

    package func forget(_ step: UInt32) { self.link.forget(step) }

    package func isAlive(since start: ContinuousClock.Instant) async -> Bool {
        // Without a connection nothing comes of what was pushed, however lately there was one.
        await self.host.isAlive(self.info.id, since: start) && self.host.lastFrameAge(of: self.info.id) != nil
    }
}

// MARK: - Waiting for the answer

extension RemoteSpan {
    /// Waits for the answer as long as the peer shows signs of life and nobody else has taken the step over.
    private func answer(
        to request: InferenceRequest,
        after stepBefore: UInt32?,
        _ deadline: StepDeadline?
    ) async throws(CoordinatorError) -> InferenceResponse {
        let start = ContinuousClock.now
        // Most steps are over before it is time to look after their hop: a task that does is begun when it is.
        let beginning = await self.link.begin(request, patience: Limits.pingInterval)
        if case .answered(.success(let response)) = beginning, response.code == .ok { return response }
        do {
            return try await self.host.whileAlive(self.info.id, since: start, deadline: deadline) {
                try await self.exchange(request, beginning, after: stepBefore)
            }
        } catch let error as CoordinatorError {
            throw error
        } catch  where Task.isCancelled || error is CancellationError {
            // Nobody is to blame, whatever it looks like from here.
            throw CoordinatorError(.cancelled, "the generation was cancelled")
        } catch {
            throw CoordinatorError(.peerLost, "lost peer \(self.name), which ran blocks \(self.blocks): \(error)")
        }
    }

    /// Sends the request, once more where its connection broke, and waits out `busy` within a bound.
    ///
    /// - Parameters:
    ///   - beginning: what came of the request so far.
    ///   - stepBefore: the number of the step before it; nil where that was answered. A step that came too early, because
    ///     the one before it is sent once more, is sent again behind it.
    private func exchange(
        _ request: InferenceRequest,
        _ beginning: HopLink.Beginning,
        after stepBefore: UInt32?
    ) async throws -> InferenceResponse {
        let clock = ContinuousClock()
        let patience = clock.now + Limits.busyTime
        var resendsLeft = self.isExact ? 1 : 0
        var (beginning, stepBefore) = (beginning, stepBefore)
        while true {
            do {
                defer { beginning = .notSent }
                let response = try await self.link.end(beginning, of: request)
                guard let refusal = self.refusal(in: response) else { return response }
                switch refusal.code {
                case .refused(.gap), .refused(.unknownSession):
                    guard let before = stepBefore else { throw refusal }
                    stepBefore = nil
                    await self.waitForEnd(of: before)
                case .refused(.busy) where clock.now < patience:
                    let advice = response.step?.retryAfterMilliseconds ?? Limits.defaultRetryMilliseconds
                    let wait = max(advice, Limits.shortestRetryMilliseconds)
                    try await pause(for: min(.milliseconds(Int(wait)), patience - clock.now))
                default: throw refusal
                }
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
        let serialise = min(elapsed - compute - queue, response.serialising)
        return StepTiming(
            compute: compute,
            queue: queue,
            serialise: serialise,
            network: elapsed - compute - queue - serialise
        )
    }
}
