package import NIOCore

/// The listener's side of a negotiation: answers proposals until one is spoken here.
package struct MultistreamListener: Sendable {
    private enum State {
        case awaitingHeader
        case awaitingProposal(refused: Int)
        case agreed(ProtocolID)
    }

    private var state = State.awaitingHeader

    package init() {}

    /// Sends our header; neither side waits for the other's.
    package mutating func start(into reply: inout ByteBuffer) {
        Multistream.write(Multistream.header, into: &reply)
    }

    /// Takes as much of `bytes` as belongs to the negotiation and writes the answers into `reply`.
    ///
    /// Once it returns a protocol, what is left in `bytes` belongs to that protocol: a dialer may send its payload in
    /// the same flight as its proposal.
    ///
    /// - Throws: when the remote's first message is not the header, for bad messages, and after
    ///   ``Limits/multistreamProposals`` refused proposals.
    package mutating func receive(
        _ bytes: inout ByteBuffer,
        reply: inout ByteBuffer,
        speaks: (ProtocolID) -> Bool
    ) throws(WireError) -> ProtocolID? {
        while true {
            if case .agreed(let agreed) = self.state { return agreed }
            guard let token = try Multistream.read(from: &bytes) else { return nil }
            try self.receive(token, reply: &reply, speaks: speaks)
        }
    }

    private mutating func receive(
        _ token: String,
        reply: inout ByteBuffer,
        speaks: (ProtocolID) -> Bool
    ) throws(WireError) {
        switch self.state {
        case .awaitingHeader:
            guard token == Multistream.header else {
                throw WireError(.protocolViolation, "the peer does not speak multistream-select 1.0")
            }
            self.state = .awaitingProposal(refused: 0)
        case .awaitingProposal(let refused):
            let proposed = ProtocolID(token)
            if speaks(proposed) {
                Multistream.write(token, into: &reply)
                self.state = .agreed(proposed)
            } else if refused < Limits.multistreamProposals {
                Multistream.write(Multistream.notAvailable, into: &reply)
                self.state = .awaitingProposal(refused: refused + 1)
            } else {
                throw WireError(.tooLarge, "the peer proposed more than \(Limits.multistreamProposals) protocols")
            }
        case .agreed:
            break
        }
    }
}
