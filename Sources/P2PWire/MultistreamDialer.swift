package import NIOCore

/// The dialer's side of a negotiation.
///
/// With one proposal it is lazy: ``start(into:)`` writes everything there is to say, the payload may follow in the same
/// flight, and ``receive(_:reply:)`` checks the answers whenever they come. With several it must wait for each answer,
/// because a payload sent early could be taken for a proposal.
package struct MultistreamDialer: Sendable {
    private enum State {
        case awaitingHeader
        case awaitingAnswer
        case agreed(ProtocolID)
    }

    private var state = State.awaitingHeader
    private var proposal: ProtocolID
    private var others: [ProtocolID]

    /// - Parameter others: Proposed in this order after `first` was refused.
    package init(proposing first: ProtocolID, then others: [ProtocolID] = []) {
        self.proposal = first
        self.others = others.reversed()
    }

    /// Whether a payload may follow at once.
    package var isLazy: Bool { self.others.isEmpty }

    /// Writes our header and the first proposal.
    package mutating func start(into bytes: inout ByteBuffer) {
        Multistream.write(Multistream.header, into: &bytes)
        Multistream.write(self.proposal.name, into: &bytes)
    }

    /// Takes as much of `bytes` as belongs to the negotiation; a further proposal goes into `reply`.
    ///
    /// Once it returns the agreed protocol, what is left in `bytes` belongs to that protocol.
    ///
    /// - Throws: `unsupported` when the remote speaks none of the proposals, which costs a stream, never a connection;
    ///   `protocolViolation` for an answer to something else.
    package mutating func receive(
        _ bytes: inout ByteBuffer,
        reply: inout ByteBuffer
    ) throws(WireError) -> ProtocolID? {
        while true {
            if case .agreed(let agreed) = self.state { return agreed }
            guard let token = try Multistream.read(from: &bytes) else { return nil }
            try self.receive(token, reply: &reply)
        }
    }

    private mutating func receive(_ token: String, reply: inout ByteBuffer) throws(WireError) {
        switch self.state {
        case .awaitingHeader:
            guard token == Multistream.header else {
                throw WireError(.protocolViolation, "the peer does not speak multistream-select 1.0")
            }
            self.state = .awaitingAnswer
        case .awaitingAnswer where ProtocolID(token) == self.proposal:
            self.state = .agreed(self.proposal)
        case .awaitingAnswer where token == Multistream.notAvailable:
            guard let next = self.others.popLast() else {
                throw WireError(.unsupported, "the peer does not speak \(self.proposal)")
            }
            self.proposal = next
            Multistream.write(next.name, into: &reply)
        case .awaitingAnswer:
            throw WireError(
                .protocolViolation,
                "the peer answered \(self.proposal) with another protocol"
            )
        case .agreed:
            break
        }
    }
}
