/// What is known of a connected peer, from its own word in Identify, as far as that could be verified.
public struct Identification: Equatable, Sendable {
    public private(set) var protocols: [ProtocolID] = []
    /// Where the peer says that it listens, without its own id at the end.
    public private(set) var listenAddresses: [Multiaddr] = []
    /// Where the peer sees us.
    public private(set) var observedAddress: Multiaddr?
    public private(set) var agentVersion = ""
    public private(set) var protocolVersion = ""
    /// Whether the peer signed its addresses, and the number of the record in which it did.
    package private(set) var recordSequence: UInt64?

    /// What `peer`, whom the connection has proven, says of itself.
    package init(_ message: IdentifyMessage, from peer: PeerID) throws(WireError) {
        try self.update(with: message, from: peer)
    }

    /// Takes what has changed since: what is absent stays, lists are replaced (Identify push).
    ///
    /// A key that is not the peer's makes the message void; a record that does not verify is only left out.
    package mutating func update(with message: IdentifyMessage, from peer: PeerID) throws(WireError) {
        if let publicKey = message.publicKey {
            guard try PublicKey(protobuf: publicKey).peerID == peer else {
                throw WireError(.badSignature, "\(peer) sent the key of another peer in Identify")
            }
        }
        let record = Self.record(in: message, of: peer)
        // Said before what is known already, and late: the answer to a question that a push has overtaken.
        if let record, record.sequence < self.recordSequence ?? 0 { return }
        if !message.protocols.isEmpty { self.protocols = message.protocols }
        self.observedAddress = message.observedAddress ?? self.observedAddress
        self.agentVersion = message.agentVersion ?? self.agentVersion
        self.protocolVersion = message.protocolVersion ?? self.protocolVersion

        if let record {
            self.recordSequence = record.sequence
            self.listenAddresses = Self.places(record.addresses, of: peer)
        } else if self.recordSequence == nil, !message.listenAddresses.isEmpty {
            self.listenAddresses = Self.places(message.listenAddresses, of: peer)
        }
    }

    private static func record(in message: IdentifyMessage, of peer: PeerID) -> PeerRecord? {
        guard let bytes = message.signedPeerRecord,
            let envelope = try? SignedEnvelope(bytes: bytes),
            let record = try? PeerRecord(opening: envelope),
            record.peerID == peer
        else { return nil }
        return record
    }

    /// Some implementations end their addresses with their own id, some do not; one of another peer is not theirs to give.
    private static func places(_ addresses: [Multiaddr], of peer: PeerID) -> [Multiaddr] {
        var seen: Set<Multiaddr> = []
        return addresses.compactMap { address in
            guard address.peerID == nil || address.peerID == peer else { return nil }
            let place = address.withoutPeerID
            return seen.insert(place).inserted ? place : nil
        }
    }
}
