/// The answering side of one dial request (libp2p specification, autonat v2): chooses the address, takes the data that a
/// foreign address costs, and says how the dial ended.
package struct DialRequestServer: Sendable {
    /// What to do next.
    package enum Action: Hashable, Sendable {
        /// Read the next message, after sending this one where there is one.
        case read(after: AutoNATMessage?)
        /// Send this and end the stream.
        case finish(AutoNATMessage)
        /// Dial, hand over the nonce, and say with ``dialed(_:)`` how that went. The dial of a foreign address begins a
        /// random moment later, so that many askers cannot let many servers fall on one victim at once.
        case dial(Multiaddr, nonce: UInt64, isForeign: Bool)
    }

    private struct Choice {
        var index: Int
        var address: Multiaddr
        var nonce: UInt64
    }

    private enum State {
        case awaitsRequest
        case collects(Choice, missing: UInt64)
        case dials(Choice)
        case over
    }

    private var state = State.awaitsRequest
    private let policy: DialBackPolicy
    private let observed: IPAddress?
    private let dataByteCount: UInt64

    /// - Parameters:
    ///   - observed: Where the asker comes from.
    ///   - dataByteCount: What a foreign address costs, drawn from `Limits.autoNATData`.
    package init(policy: DialBackPolicy, observed: IPAddress?, dataByteCount: UInt64) {
        self.policy = policy
        self.observed = observed
        self.dataByteCount = dataByteCount
    }

    /// Takes the next message of the asker.
    ///
    /// - Throws: what costs the stream: a message out of turn, or data in crumbs, which cost the reader more than the sender.
    package mutating func received(_ message: AutoNATMessage) throws(WireError) -> Action {
        switch (self.state, message) {
        case (.awaitsRequest, .dialRequest(let addresses, let nonce)):
            return self.choose(among: addresses, nonce)
        case (.collects(let choice, let missing), .dialData(let count)):
            guard UInt64(count) < missing else {
                self.state = .dials(choice)
                return .dial(choice.address, nonce: choice.nonce, isForeign: true)
            }
            guard count >= Limits.autoNATSmallestData else {
                throw WireError(.protocolViolation, "AutoNAT data in pieces of \(count) bytes")
            }
            self.state = .collects(choice, missing: missing - UInt64(count))
            return .read(after: nil)
        default:
            throw WireError(.protocolViolation, "an AutoNAT message out of turn")
        }
    }

    private mutating func choose(among addresses: [Multiaddr?], _ nonce: UInt64) -> Action {
        for (index, address) in addresses.enumerated() {
            guard let address else { continue }
            let choice = Choice(index: index, address: address.withoutPeerID, nonce: nonce)
            switch self.policy.decision(on: address, observed: self.observed) {
            case .refuse:
                continue
            case .dial:
                self.state = .dials(choice)
                return .dial(choice.address, nonce: nonce, isForeign: false)
            case .dialAfterData:
                self.state = .collects(choice, missing: self.dataByteCount)
                return .read(after: .dialDataRequest(addressIndex: index, byteCount: self.dataByteCount))
            }
        }
        self.state = .over
        return .finish(.dialResponse(.refused))
    }

    /// The dial has ended: what to send before the stream ends.
    package mutating func dialed(_ status: AutoNATMessage.DialStatus) -> AutoNATMessage {
        guard case .dials(let choice) = self.state else { preconditionFailure("nobody asked for this dial") }
        self.state = .over
        return .dialResponse(.dialed(addressIndex: choice.index, status))
    }
}
