internal import NIOCore
public import P2PCore
public import P2PWire

/// Sends steps to hops over `/kwaai/inference/1.0.0`: a stream, one frame each way, per step.
public struct InferenceClient: Sendable {
    private let host: Host

    public init(host: Host) {
        self.host = host
    }

    /// Sends one step and waits for its answer.
    ///
    /// Cancelling resets the stream, so that a hop which has not begun the step drops it.
    ///
    /// - Parameters:
    ///   - request: with `step` only for a peer whose node record lists `x/1`.
    ///   - timeout: how long the whole exchange may take.
    /// - Returns: the answer, which may itself be an error with a code.
    /// - Throws: `ShardError`: `tooLarge` before anything is sent, `unreachable`, `unsupportedProtocol`, `timedOut`,
    ///   `remoteFailure` when the peer's handler failed, `malformed` and `badTensor` for an answer that is not one.
    public func send(
        _ request: InferenceRequest,
        to peer: PeerInfo,
        timeout: Duration
    ) async throws(ShardError) -> InferenceResponse {
        let data = request.encoded()
        guard data.readableBytes <= Limits.sentMessage else {
            throw ShardError(
                code: .tooLarge,
                message: "a step of \(data.readableBytes) bytes; send at most \(Limits.sentMessage), in smaller chunks"
            )
        }
        var generator = SystemRandomNumberGenerator()
        let id = CallID.random(using: &generator)
        let call = try UnaryFrame.call(
            id,
            callee: peer.id.bytes,
            protocolID: InferenceRequest.protocolID.description,
            data: data
        ).encoded()
        let answer: ByteBuffer
        do throws(P2PError) {
            answer = try await withDeadline(timeout, "the answer of \(peer.id)") { () async throws(P2PError) in
                try await self.exchange(call, with: peer)
            }
        } catch {
            throw ShardError(error, from: peer.id)
        }
        switch try UnaryFrame(decoding: answer) {
        case .response(id, let message): return try InferenceResponse(decoding: message)
        case .failure(id, let text): throw ShardError(code: .remoteFailure, message: "\(peer.id) failed: \(text)")
        case .response, .failure: throw .malformed("\(peer.id) answered another call than the one it was sent")
        case .call, .cancel: throw .malformed("\(peer.id) answered a call with something else than an answer")
        }
    }

    /// Whoever is asked has said that it serves: on a new connection a small call need not wait for Identify to say so again,
    /// while a large one that is refused would have been sent for nothing.
    private func exchange(_ call: ByteBuffer, with peer: PeerInfo) async throws(P2PError) -> ByteBuffer {
        let isHopeful = call.readableBytes <= Limits.hopefulCall && self.host.identification(of: peer.id) == nil
        do throws(P2PError) {
            return try await self.exchange(call, with: peer, isHopeful: isHopeful)
        } catch {
            // Behind a reset may be a refusal of the protocol that the call overtook.
            guard isHopeful, error.code == .streamReset else { throw error }
            return try await self.exchange(call, with: peer, isHopeful: false)
        }
    }

    /// Writes the call and only reads from then on: Go takes a half-close, or one more byte, as a cancellation.
    private func exchange(
        _ call: ByteBuffer,
        with peer: PeerInfo,
        isHopeful: Bool
    ) async throws(P2PError) -> ByteBuffer {
        let stream = try await self.host.openStream(InferenceRequest.protocolID, to: peer, isExpected: isHopeful)
        do throws(P2PError) {
            try await stream.writeFrame(call)
            let answer = try await stream.readFrame(limit: Limits.receivedMessage + Limits.frameOverhead)
            await stream.close()
            return answer
        } catch {
            stream.reset()
            throw error
        }
    }
}
