import NIOCore
import P2PWire

/// The agreement on one stream's protocol: multistream in either role, and who is to serve it.
struct StreamNegotiation {
    private enum State {
        case proposed(MultistreamDialer)
        case awaited(MultistreamListener)
        case agreed
    }

    /// What the negotiation has come to.
    enum Outcome {
        case pending
        /// The remote speaks what we proposed.
        case outbound(surplus: ByteBuffer)
        /// We speak what the remote proposed.
        case inbound(ProtocolHandler, surplus: ByteBuffer)
    }

    private var state: State
    /// Bytes that do not make a whole message yet.
    private var partial = ByteBuffer()

    /// A stream that we opened; writes the proposal.
    init(proposing protocolID: ProtocolID, into bytes: inout ByteBuffer) {
        var dialer = MultistreamDialer(proposing: protocolID)
        dialer.start(into: &bytes)
        self.state = .proposed(dialer)
    }

    /// A stream that the remote opened; writes our header.
    init(answeringInto bytes: inout ByteBuffer) {
        var listener = MultistreamListener()
        listener.start(into: &bytes)
        self.state = .awaited(listener)
    }

    var isAgreed: Bool {
        if case .agreed = self.state { true } else { false }
    }

    /// What comes now is not looked at any more.
    mutating func end() {
        self.state = .agreed
    }

    /// The remote ended the stream: whether that leaves our proposal unanswered.
    var awaitsAnswer: Bool {
        if case .proposed = self.state { true } else { false }
    }

    /// Takes bytes of the stream; the surplus of the last ones belongs to the protocol.
    ///
    /// - Parameter consumed: How many of the bytes were the negotiation's own.
    /// - Throws: what costs the stream: `unsupportedProtocol`, `malformed`.
    mutating func receive(
        _ bytes: ByteBuffer,
        reply: inout ByteBuffer,
        consumed: inout Int,
        handler: (ProtocolID) -> ProtocolHandler?
    ) throws(P2PError) -> Outcome {
        self.partial.writeImmutableBuffer(bytes)
        let before = self.partial.readableBytes
        let isSettled: Bool
        var server: ProtocolHandler?
        do throws(WireError) {
            switch self.state {
            case .proposed(var dialer):
                isSettled = try dialer.receive(&self.partial, reply: &reply) != nil
                self.state = isSettled ? .agreed : .proposed(dialer)
            case .awaited(var listener):
                let agreed = try listener.receive(&self.partial, reply: &reply) { handler($0) != nil }
                server = agreed.flatMap(handler)
                isSettled = server != nil
                self.state = isSettled ? .agreed : .awaited(listener)
            case .agreed:
                isSettled = true
            }
        } catch {
            throw P2PError(stream: error)
        }
        consumed = before - self.partial.readableBytes
        guard isSettled else { return .pending }
        let surplus = self.partial
        self.partial = ByteBuffer()
        guard let server else { return .outbound(surplus: surplus) }
        return .inbound(server, surplus: surplus)
    }
}
