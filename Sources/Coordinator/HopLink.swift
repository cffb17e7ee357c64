import P2PCore
import P2PWire
import ShardProtocol
import Synchronization

/// The way of one session's steps to its hop: one stream for all of them where the hop speaks `/kwaai/inference/1.1.0`, a
/// stream for each otherwise.
final class HopLink: Sendable {
    private let peer: PeerInfo
    private let host: Host
    private let keepsStream: Bool
    private let stream = Mutex<InferenceStream?>(nil)

    /// - Parameter speaksStreams: whether the peer's node record lists `/kwaai/inference/1.1.0`.
    init(to peer: PeerInfo, over host: Host, speaksStreams: Bool) {
        self.peer = peer
        self.host = host
        self.keepsStream = speaksStreams
    }

    /// Sends one step and waits for its answer, which may itself be an error with a code.
    ///
    /// A stream that broke is opened anew by the next step.
    ///
    /// - Throws: `ShardError`: see ``InferenceClient/send(_:to:timeout:)`` and ``InferenceStream/send(_:)``.
    func send(_ request: InferenceRequest) async throws(ShardError) -> InferenceResponse {
        guard self.keepsStream else {
            return try await InferenceClient(host: self.host).send(request, to: self.peer, timeout: Limits.stepTime)
        }
        return try await self.usableStream().send(request)
    }

    private func usableStream() async throws(ShardError) -> InferenceStream {
        if let stream = self.stream.withLock({ $0 }), stream.isUsable { return stream }
        let stream = try await InferenceStream(to: self.peer, over: self.host)
        self.stream.withLock { $0 = stream }
        return stream
    }

    /// Sends the step that ends the session, and waits a moment for its answer.
    func close(with request: InferenceRequest) async {
        await withTaskGroup { group in
            // A courtesy: a peer that cannot be reached evicts the session by itself.
            group.addTask { _ = try? await self.send(request) }
            group.addTask { try? await pause(for: Limits.closeTime) }
            await group.next()
            group.cancelAll()
        }
        self.stream.withLock { $0 }?.end()
    }
}
