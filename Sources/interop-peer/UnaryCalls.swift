import NIOCore
import P2PCore
import P2PWire
import ShardProtocol

extension ProtocolID {
    /// Unary calls with names like hivemind's, which begin with no slash: one hands back what it was sent, one fails.
    static let unaryEcho: ProtocolID = "InteropProtocol.rpc_echo"
    static let unaryFailure: ProtocolID = "InteropProtocol.rpc_fail"
}

/// Frame by frame, apart from the service and the client of the inference.
private enum UnaryCall {
    static let reason = "handler exploded"
    static let largestFrame = ShardProtocol.Limits.sentMessage + ShardProtocol.Limits.frameOverhead
}

extension Host {
    func serveUnaryCalls() {
        self.serveUnary(.unaryEcho) { .response($0, $1) }
        self.serveUnary(.unaryFailure) { id, _ in .failure(id, UnaryCall.reason) }
    }

    private func serveUnary(
        _ protocolID: ProtocolID,
        _ answer: @escaping @Sendable (CallID, ByteBuffer) -> UnaryFrame
    ) {
        self.handle(protocolID, limit: 16) { stream in
            let frame = try UnaryFrame(decoding: try await stream.readFrame(limit: UnaryCall.largestFrame))
            guard case .call(let id, _, protocolID.name, let data) = frame else { return stream.reset() }
            try await stream.writeFrame(answer(id, data).encoded())
            try await stream.closeWrite()
        }
    }
}

extension Checks {
    /// Identify lists the name, multistream and the frame carry it, and no slash has come in front of it anywhere.
    func unaryName() async throws {
        _ = try await self.identification { $0.protocols.contains(.unaryEcho) }
        try await self.echoUnary(Self.pattern(byteCount: 1_000), callee: self.peer.id)
    }

    /// The most that we put into a message, there and back; p2pd dies of some more.
    func unaryLarge() async throws {
        try await self.echoUnary(Self.pattern(byteCount: ShardProtocol.Limits.sentMessage), callee: self.peer.id)
    }

    /// Whom the caller means proves nothing, but Go drops a frame without the field.
    func unaryNobody() async throws {
        try await self.echoUnary(Self.pattern(byteCount: 1_000), callee: nil)
    }

    /// A handler that fails says why, in the answer's own field for that.
    func unaryError() async throws {
        let answer = try await self.call(.unaryFailure, ByteBuffer(), callee: self.peer.id)
        guard case .failure(_, UnaryCall.reason) = answer else {
            throw CheckFailure(description: "a handler that fails answered \(answer)")
        }
    }

    private func echoUnary(_ data: ByteBuffer, callee: PeerID?) async throws {
        guard case .response(_, data) = try await self.call(.unaryEcho, data, callee: callee) else {
            throw CheckFailure(description: "other bytes came back than were sent")
        }
    }

    /// Writes one frame and reads one.
    private func call(_ protocolID: ProtocolID, _ data: ByteBuffer, callee: PeerID?) async throws -> UnaryFrame {
        var generator = SystemRandomNumberGenerator()
        let id = CallID.random(using: &generator)
        let call = UnaryFrame.call(id, callee: callee?.bytes ?? [], protocolID: protocolID.name, data: data)
        let stream = try await self.host.openStream(protocolID, to: self.peer)
        try await stream.writeFrame(call.encoded())
        let answer = try UnaryFrame(decoding: try await stream.readFrame(limit: UnaryCall.largestFrame))
        await stream.close()
        switch answer {
        case .response(id, _), .failure(id, _): return answer
        case .response, .failure, .call, .cancel:
            throw CheckFailure(description: "something else than the answer to this call came back")
        }
    }
}
