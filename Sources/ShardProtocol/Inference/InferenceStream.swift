internal import NIOCore
public import P2PCore
public import P2PWire

/// The steps of one session on one hop over `/kwaai/inference/1.1.0`: a stream that stays, any number of steps on their way.
///
/// Frames leave in the order in which ``send(_:)`` was called; answers come in any order and find their step by its number.
/// What is let go without ``end()`` is reset.
public final class InferenceStream: Sendable {
    /// The messages of `/kwaai/inference/1.0.0` with the extension `x/1`, many on one stream (WIRE.md).
    public static let protocolID: ProtocolID = "/kwaai/inference/1.1.0"

    private let exchange: StreamExchange

    /// Opens a stream; the first step travels with its proposal.
    ///
    /// - Throws: `ShardError`: `unreachable`, `unsupportedProtocol`, `cancelled`.
    public init(to peer: PeerInfo, over host: Host) async throws(ShardError) {
        let stream: PeerStream
        do throws(P2PError) {
            stream = try await host.openStream(Self.protocolID, to: peer, isExpected: true)
        } catch {
            throw ShardError(error, from: peer.id)
        }
        let exchange = StreamExchange(stream)
        guard host.accompany({ await exchange.run() }) else {
            stream.reset()
            throw ShardError(code: .unreachable, message: "this host is closed or overloaded; try again later")
        }
        self.exchange = exchange
    }

    deinit {
        self.exchange.letGo()
    }

    /// Sends one step and waits for its answer.
    ///
    /// Cancelling tells the hop to drop the step if it has not begun.
    ///
    /// - Parameter request: with an `x` whose step number no other outstanding step of this stream has.
    /// - Returns: the answer, which may itself be an error with a code.
    /// - Throws: `ShardError`: `tooLarge` and `invalidArgument` before anything is sent, `cancelled`; `unreachable`,
    ///   `malformed` and `badTensor` end the stream and every step on it.
    public func send(_ request: InferenceRequest) async throws(ShardError) -> InferenceResponse {
        guard let response = try await self.send(request, until: nil) else { preconditionFailure("it waits for ever") }
        return response
    }

    /// Has the peer open a way to push on, of which a session has one at a time.
    ///
    /// - Parameter broke: called at most once, on the stream's thread, when a way that was opened has broken.
    /// - Throws: as ``send(_:)``.
    package func open(
        _ request: InferenceRequest,
        broke: @escaping @Sendable () -> Void
    ) async throws(ShardError) -> InferenceResponse {
        let response = try await self.send(request, until: nil, broke)
        guard let response else { preconditionFailure("it waits for ever") }
        return response
    }

    /// The same, waiting no longer than `patience`: whoever has to look after the hop meanwhile need not begin before that.
    ///
    /// - Returns: nil where no answer has come yet; then ``answer(to:)`` is to be called.
    package func send(
        _ request: InferenceRequest,
        patience: Duration
    ) async throws(ShardError) -> InferenceResponse? {
        try await self.send(request, until: .now() + TimeAmount(patience))
    }

    /// Goes on waiting for the answer to a step that was sent and not answered in time.
    package func answer(to request: InferenceRequest) async throws(ShardError) -> InferenceResponse {
        let step = try self.step(of: request)
        let answer = await withTaskCancellationHandler {
            await withCheckedContinuation { self.exchange.rejoin(step, $0) }
        } onCancel: {
            self.exchange.cancel(request)
        }
        guard let answer else { preconditionFailure("it waits for ever") }
        return try answer.get()
    }

    private func send(
        _ request: InferenceRequest,
        until deadline: NIODeadline?,
        _ broke: (@Sendable () -> Void)? = nil
    ) async throws(ShardError) -> InferenceResponse? {
        let step = try self.step(of: request)
        let start = ContinuousClock.now
        let frame = try StreamExchange.frame(request)
        let writing = start.duration(to: .now)
        let answer = await withTaskCancellationHandler {
            await withCheckedContinuation { self.exchange.begin(step, frame, $0, until: deadline, broke) }
        } onCancel: {
            self.exchange.cancel(request)
        }
        var response = try answer?.get()
        response?.serialising += writing
        return response
    }

    private func step(of request: InferenceRequest) throws(ShardError) -> UInt32 {
        guard let step = request.step?.step else {
            throw ShardError(code: .invalidArgument, message: "a step of \(Self.protocolID) needs the extension x/1")
        }
        return step
    }

    /// Another hop pushes a step to the peer, which answers here. `answered` is called once, on the stream's thread: with the
    /// answer, or with what ended the stream.
    ///
    /// - Parameter step: a number that no other outstanding step of this stream has.
    package func expect(
        _ step: UInt32,
        _ answered: @escaping @Sendable (Result<InferenceResponse, ShardError>) -> Void
    ) {
        self.exchange.expect(step, answered)
    }

    /// Nobody waits any more for a step that was expected.
    package func forget(_ step: UInt32) {
        self.exchange.forget(step)
    }

    /// No step will follow. Those on their way are answered.
    public func end() {
        self.exchange.end()
    }

    /// Whether steps can still be sent.
    public var isUsable: Bool { self.exchange.isUsable }
}
