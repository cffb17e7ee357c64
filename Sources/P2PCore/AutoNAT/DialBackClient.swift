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
    /// The questions that are open, by the nonce that answers each; a proof is told with where it came from.
    private let questions = Mutex<[UInt64: AsyncStream<Multiaddr>.Continuation]>([:])

    /// How long a proof may take that a peer says it has sent.
    private let patience: Duration

    init(host: Host, patience: Duration) {
        self.host = host
        self.patience = patience
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
        question.yield(stream.remoteAddress)
        try await stream.writeFrame(ByteBuffer(bytes: DialBack.response))
    }

    /// Asks `peer` to dial the first of `addresses` that it is willing to.
    ///
    /// - Returns: what came of it, and from where the peer dialled where its proof has arrived.
    /// - Throws: `unsupportedProtocol` when it does not speak AutoNAT v2, `malformed` when it claims a success of which
    ///   nothing arrived here, and what a stream throws.
    func ask(_ peer: PeerInfo, toDial addresses: [Multiaddr]) async throws(P2PError) -> (
        DialBackResult, from: Multiaddr?
    ) {
        let nonce = UInt64.random(in: .min ... .max)
        let (arrivals, question) = AsyncStream.makeStream(of: Multiaddr.self, bufferingPolicy: .bufferingNewest(1))
        self.questions.withLock { $0[nonce] = question }
        defer { self.questions.withLock { $0[nonce] = nil } }
        let outcome = try await withDeadline(Limits.dialRequestTime, "\(peer.id) dialling back") {
            () async throws(P2PError) in
            let stream = try await self.host.openStream(.autoNATDialRequest, to: peer)
            return try await Self.converse(on: stream, DialRequestClient(addresses: addresses, nonce: nonce))
        }
        switch outcome {
        case .refused: return (.refused, from: nil)
        case .rejected: return (.busy, from: nil)
        case .dialed(let address, let status):
            // The proof may be on its way still when the answer is here.
            let patience = status == .ok ? self.patience : .zero
            if let origin = await Self.arrival(arrivals, question, within: patience) {
                return (.reached(address), from: origin)
            }
            switch status {
            case .dialError: return (.notReached(address), from: nil)
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

    /// From where the proof came; nil where none has come in time.
    private static func arrival(
        _ arrivals: AsyncStream<Multiaddr>,
        _ question: AsyncStream<Multiaddr>.Continuation,
        within patience: Duration
    ) async -> Multiaddr? {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                // Cancelled by an arrival.
                if patience > .zero { try? await pause(for: patience) }
                question.finish()
            }
            defer { group.cancelAll() }
            for await origin in arrivals { return origin }
            return nil
        }
    }
}
