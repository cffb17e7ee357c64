public import P2PWire

/// A session on another hop, to which the steps of a session here are pushed on.
public struct PushTarget: Sendable, Hashable {
    public var peer: PeerInfo
    public var session: SessionID
    /// The span that the session runs there.
    public var blocks: BlockRange
    /// How many tokens it will hold at most.
    public var maxTokens: UInt32

    public init(peer: PeerInfo, session: SessionID, blocks: BlockRange, maxTokens: UInt32) {
        self.peer = peer
        self.session = session
        self.blocks = blocks
        self.maxTokens = maxTokens
    }
}

extension PushTarget {
    /// One stream for a session and the hops before and after an edge: requests of `/kwaai/inference/1.1.0` that name their
    /// coordinator, and no answers (WIRE.md).
    public static let protocolID: ProtocolID = "/kwaai/push/1.0.0"

    init(_ value: MessagePackValue) throws(ShardError) {
        let map = try MessagePackMap(value, name: "the request's x.to")
        guard let peer = try map.optionalPeer("peer") else { throw map.wrong("peer") }
        var addresses: [Multiaddr] = []
        for value in try map.array("addresses", limit: Limits.pushAddresses) {
            guard case .binary(let bytes) = value, let address = try? Multiaddr(bytes: bytes) else {
                throw map.wrong("addresses")
            }
            addresses.append(address)
        }
        let lower = try map.number("start_block", as: Int.self)
        let upper = try map.number("end_block", as: Int.self)
        guard let blocks = try? BlockRange(lower, upper) else { throw map.wrong("start_block and end_block") }
        self.init(
            peer: PeerInfo(id: peer, addresses: addresses),
            session: SessionID(rawValue: try map.number("session_id", as: UInt64.self)),
            blocks: blocks,
            maxTokens: try map.number("max_tokens", as: UInt32.self)
        )
    }

    func pack(into packer: inout MessagePackPacker) {
        let addresses = self.peer.addresses.prefix(Limits.pushAddresses)
        packer.packMap(count: 6)
        packer.pack("peer")
        packer.pack(binary: self.peer.id.bytes)
        packer.pack("addresses")
        packer.packArray(count: addresses.count)
        for address in addresses { packer.pack(binary: address.bytes) }
        packer.pack("session_id")
        packer.pack(self.session.rawValue)
        packer.pack("start_block")
        packer.pack(UInt64(self.blocks.lowerBound))
        packer.pack("end_block")
        packer.pack(UInt64(self.blocks.upperBound))
        packer.pack("max_tokens")
        packer.pack(self.maxTokens)
    }
}
