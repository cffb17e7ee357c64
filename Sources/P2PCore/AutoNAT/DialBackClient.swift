import NIOCore
public import P2PWire
import Synchronization

/// What came of asking a peer to dial back.
public enum DialBackResult: Sendable, Equatable {
    /// The peer dialled this address, and its proof arrived here over a connection of its own.
    case reached(Multiaddr)
    /// The peer tried this address and could not connect.
    case notReached(Multiaddr)
    /// The peer dials none of these addresses: private ones that are not those it sees, say.
    case refused
    /// The peer has too many such requests; another may have an answer.
    case busy
}

/// Asks peers to dial this host, and knows their proofs (libp2p specification, autonat v2).
final class DialBackClient: Sendable {
    private unowned let host: Host
    /// The questions that are open, by the nonce that answers each.
    private let questions = Mutex<[UInt64: AsyncStream<Void>.Continuation]>([:])

    init(host: Host) {
        self.host = host
    }

    func install() {
        self.host.handle(
            .autoNATDialBack,
            limit: Limits.dialBackStreams,
            limitPerPeer: Limits.dialBackStreamsPerPeer
        ) { stream in
            try await withDeadline(Limits.dialBackTime, "the dial back of \(stream.remotePeer)") {
                () async throws(P2PError) in
                try await self.receive(stream)
            }
        }
    }

    /// Whoever knows the nonce was told it here, whatever its peer id.
    private func receive(_ stream: PeerStream) async throws(P2PError) {
        let frame = try await stream.readFrame(limit: P2PWire.Limits.autoNATDialBack)
        let message: DialBack
        do throws(WireError) {
            message = try DialBack(bytes: frame.readableBytesView)
        } catch {
            throw P2PError(stream: error)
        }
        guard let question = self.questions.withLock({ $0[message.nonce] }) else {
            throw P2PError(.malformed, "\(stream.remotePeer) dials back without having been asked to")
        }
        question.yield()
        try await stream.writeFrame(ByteBuffer(bytes: DialBack.response))
    }

    /// Asks `peer` to dial the first of `addresses` that it is willing to.
    ///
    /// - Throws: `unsupportedProtocol` when it does not speak AutoNAT v2, `malformed` when it claims a success of which
    ///   nothing arrived here, and what a stream throws.
    func ask(_ peer: PeerInfo, toDial addresses: [Multiaddr]) async throws(P2PError) -> DialBackResult {
        let nonce = UInt64.random(in: .min ... .max)
        let (arrivals, question) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        self.questions.withLock { $0[nonce] = question }
        defer { self.questions.withLock { $0[nonce] = nil } }
        let outcome = try await withDeadline(Limits.dialRequestTime, "\(peer.id) dialling back") {
            () async throws(P2PError) in
            let stream = try await self.host.openStream(.autoNATDialRequest, to: peer)
            return try await Self.converse(on: stream, DialRequestClient(addresses: addresses, nonce: nonce))
        }
        switch outcome {
        case .refused: return .refused
        case .rejected: return .busy
        case .dialed(let address, let status):
            // The proof may be on its way still when the answer is here.
            let patience = status == .ok ? Limits.dialBackTime : .zero
            if await Self.hasArrived(arrivals, question, within: patience) { return .reached(address) }
            switch status {
            case .dialError: return .notReached(address)
            case .dialBackError:
                throw P2PError(.streamReset, "\(peer.id) reached \(address) and could not say so; ask again")
            case .ok: throw P2PError(.malformed, "\(peer.id) claims to have dialled \(address), and did not")
            }
        }
    }

    private static func converse(
        on stream: PeerStream,
        _ client: DialRequestClient
    ) async throws(P2PError) -> DialRequestClient.Outcome {
        var machine = client
        try await stream.write(machine.request)
        while true {
            let message = try await stream.readAutoNATMessage()
            let action: DialRequestClient.Action
            do throws(WireError) { action = try machine.received(message) } catch { throw P2PError(stream: error) }
            switch action {
            case .sendData(var count):
                while count > 0 {
                    let piece = min(count, P2PWire.Limits.autoNATDataPiece)
                    try await stream.write(.dialData(byteCount: piece))
                    count -= piece
                }
            case .finished(let outcome):
                await stream.close()
                return outcome
            }
        }
    }

    private static func hasArrived(
        _ arrivals: AsyncStream<Void>,
        _ question: AsyncStream<Void>.Continuation,
        within patience: Duration
    ) async -> Bool {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                // Cancelled by an arrival.
                if patience > .zero { try? await pause(for: patience) }
                question.finish()
            }
            defer { group.cancelAll() }
            for await _ in arrivals { return true }
            return false
        }
    }
}
