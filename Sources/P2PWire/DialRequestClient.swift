/// The asking side of one dial request (libp2p specification, autonat v2).
package struct DialRequestClient: Sendable {
    /// What to do next.
    package enum Action: Hashable, Sendable {
        /// Send `count` bytes in pieces of at most `Limits.autoNATDataPiece`, then read the next message.
        case sendData(count: Int)
        /// Done: what the server says. A success counts only where the nonce has arrived as well.
        case finished(Outcome)
    }

    package enum Outcome: Hashable, Sendable {
        case dialed(Multiaddr, AutoNATMessage.DialStatus)
        /// The server dials none of these addresses.
        case refused
        /// The server has other things to do.
        case rejected
    }

    private let addresses: [Multiaddr]
    private let nonce: UInt64
    private var hasPaid = false

    /// - Parameter addresses: The one that matters most first.
    package init(addresses: [Multiaddr], nonce: UInt64) {
        self.addresses = Array(addresses.prefix(Limits.autoNATAddresses))
        self.nonce = nonce
    }

    /// The first message.
    package var request: AutoNATMessage { .dialRequest(addresses: self.addresses, nonce: self.nonce) }

    /// Takes the next message of the server.
    ///
    /// - Throws: what costs the stream: a message out of turn, an address that nobody named, or a demand that is too high.
    package mutating func received(_ message: AutoNATMessage) throws(WireError) -> Action {
        switch message {
        case .dialDataRequest(let index, let count):
            guard !self.hasPaid, self.addresses.indices.contains(index) else {
                throw WireError(.protocolViolation, "an AutoNAT server asks for data out of turn")
            }
            guard count <= Limits.autoNATData.upperBound else {
                throw WireError(.tooLarge, "an AutoNAT server asks for \(count) bytes before it dials")
            }
            self.hasPaid = true
            return .sendData(count: Int(count))
        case .dialResponse(.dialed(let index, let status)):
            guard self.addresses.indices.contains(index) else {
                throw WireError(.protocolViolation, "an AutoNAT server dialed an address that nobody asked for")
            }
            return .finished(.dialed(self.addresses[index], status))
        case .dialResponse(.refused):
            return .finished(.refused)
        case .dialResponse(.rejected), .dialResponse(.internalError):
            return .finished(.rejected)
        case .dialRequest, .dialData:
            throw WireError(.protocolViolation, "an AutoNAT message out of turn")
        }
    }
}
