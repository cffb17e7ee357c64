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
    private let state = Mutex(State())

    private struct State {
        var stream: InferenceStream?
        /// Whether somebody opens one, for whom the others wait.
        var isOpening = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

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
            await self.connect()
            return try await InferenceClient(host: self.host).send(request, to: self.peer, timeout: Limits.stepTime)
        }
        return try await self.usableStream().send(request)
    }

    /// Has the hop open a way to push on; `broke` is called at most once, when one that was opened has broken.
    ///
    /// - Throws: as ``send(_:)``.
    func open(
        _ request: InferenceRequest,
        broke: @escaping @Sendable () -> Void
    ) async throws(ShardError) -> InferenceResponse {
        try await self.usableStream().open(request, broke: broke)
    }

    /// What came of a step that was to be sent at once.
    enum Beginning: Sendable {
        /// The session has no stream yet, or none of its own.
        case notSent
        case answered(Swift.Result<InferenceResponse, ShardError>)
        /// It is under way, over this stream, for longer than usual.
        case outstanding(InferenceStream)
    }

    /// Sends one step if it can leave at once, and waits for its answer for no longer than `patience`.
    func begin(_ request: InferenceRequest, patience: Duration) async -> Beginning {
        guard self.keepsStream, let stream = self.state.withLock({ $0.stream }), stream.isUsable
        else { return .notSent }
        do throws(ShardError) {
            let response = try await stream.send(request, patience: patience)
            return response.map { .answered(.success($0)) } ?? .outstanding(stream)
        } catch {
            return .answered(.failure(error))
        }
    }

    /// What comes of it in the end: as ``send(_:)``.
    func end(_ beginning: Beginning, of request: InferenceRequest) async throws(ShardError) -> InferenceResponse {
        switch beginning {
        case .notSent: try await self.send(request)
        case .answered(let answer): try answer.get()
        case .outstanding(let stream): try await stream.answer(to: request)
        }
    }

    /// Dials even if the peer could not be reached a moment ago: whoever planned the chain has weighed what failed
    /// (``PeerBans``), and this one may be the last that holds the blocks.
    private func connect() async {
        // Why it cannot be reached is said where its stream cannot be opened.
        try? await self.host.connect(to: self.peer, ignoringBackoff: true)
    }

    /// Somebody else sends a step, whose answer comes here; `answered` is called once.
    func expect(
        _ step: UInt32,
        _ answered: @escaping @Sendable (Swift.Result<InferenceResponse, ShardError>) -> Void
    ) {
        guard let stream = self.state.withLock({ $0.stream }) else {
            return answered(.failure(ShardError(code: .unreachable, message: "the session has no stream")))
        }
        stream.expect(step, answered)
    }

    /// Nobody waits any more for a step that was expected.
    func forget(_ step: UInt32) {
        self.state.withLock { $0.stream }?.forget(step)
    }

    /// The session's stream. Whoever comes while it is being opened gets the same, in the order of coming.
    private func usableStream() async throws(ShardError) -> InferenceStream {
        while true {
            let (usable, isOpening) = self.state.withLock { state in
                let usable = state.stream.flatMap { $0.isUsable ? $0 : nil }
                defer { if usable == nil { state.isOpening = true } }
                return (usable, state.isOpening)
            }
            if let usable { return usable }
            guard isOpening else { break }
            await withCheckedContinuation { continuation in
                let isOver = self.state.withLock { state in
                    if state.isOpening { state.waiting.append(continuation) }
                    return !state.isOpening
                }
                if isOver { continuation.resume() }
            }
        }
        let opened: Swift.Result<InferenceStream, ShardError>
        await self.connect()
        do throws(ShardError) {
            opened = .success(try await InferenceStream(to: self.peer, over: self.host))
        } catch {
            opened = .failure(error)
        }
        let waiting = self.state.withLock { state in
            defer { (state.isOpening, state.waiting) = (false, []) }
            if case .success(let stream) = opened { state.stream = stream }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
        return try opened.get()
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
        self.state.withLock { $0.stream }?.end()
    }
}
