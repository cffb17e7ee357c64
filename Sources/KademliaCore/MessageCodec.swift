package import NIOCore
internal import P2PWire
internal import SwiftProtobuf

extension Message {
    /// Reads a message without its length prefix.
    ///
    /// What others may grow is cut to `Limits`; a peer or an address that cannot be read is left out, as are fields
    /// that we do not know: an answer must not carry another implementation's extensions back to it as if they were
    /// ours.
    package init(bytes: ByteBuffer) throws(KademliaError) {
        guard bytes.readableBytes <= Limits.messageSize else {
            throw KademliaError(
                .tooLarge,
                "a message of \(bytes.readableBytes) bytes; at most \(Limits.messageSize) are read"
            )
        }
        var options = BinaryDecodingOptions()
        options.discardUnknownFields = true
        let proto: ProtoDHTMessage
        do {
            proto = try ProtoDHTMessage(serializedBytes: Array(bytes.readableBytesView), options: options)
        } catch {
            throw KademliaError(.malformedMessage, "not a Kademlia message: \(error)")
        }
        guard let kind = Kind(proto.type) else {
            throw KademliaError(.malformedMessage, "message type \(proto.type.rawValue) is unknown; 0 to 5 exist")
        }
        try Self.check(key: proto.key)
        if proto.hasRecord {
            try Self.check(key: proto.record.key)
            guard proto.record.value.count <= Limits.valueSize else {
                throw KademliaError(
                    .tooLarge,
                    "a value of \(proto.record.value.count) bytes; at most \(Limits.valueSize) are stored"
                )
            }
        }
        self.init(
            kind,
            key: Array(proto.key),
            record: proto.hasRecord
                ? Record(key: Array(proto.record.key), value: Array(proto.record.value)) : nil,
            closerPeers: Self.peers(proto.closerPeers),
            providerPeers: Self.peers(proto.providerPeers)
        )
    }

    private static func check(key: some Collection<UInt8>) throws(KademliaError) {
        guard key.count <= Limits.keySize else {
            throw KademliaError(.tooLarge, "a key of \(key.count) bytes; at most \(Limits.keySize) are taken")
        }
    }

    private static func peers(_ protos: [ProtoDHTMessage.Peer]) -> [PeerInfo] {
        protos.prefix(Limits.peersPerMessage).compactMap { proto in
            guard let id = try? PeerID(bytes: proto.id) else { return nil }
            let addresses = proto.addrs.lazy
                .filter { $0.count <= Limits.addressSize }
                .compactMap { try? Multiaddr(bytes: $0) }
                // Some end an address with the peer's own id, some do not.
                .filter { $0.peerID == nil || $0.peerID == id }
                .map(\.withoutPeerID)
                .prefix(Limits.addressesPerPeer)
            return PeerInfo(id: id, addresses: Array(addresses))
        }
    }
}

extension Message {
    /// The bytes without a length prefix, at most `limit` of them.
    ///
    /// A message that would be longer loses addresses first, evenly, and then peers from the end of its lists: an id
    /// alone can still be looked up.
    package func encoded(limit: Int = Limits.answerSize) -> ByteBuffer {
        var message = self
        var addressCount = Limits.addressesPerPeer
        var bytes = message.serialized()
        while bytes.count > limit {
            if addressCount > 0 {
                addressCount /= 2
                message.closerPeers.keepAddresses(addressCount)
                message.providerPeers.keepAddresses(addressCount)
            } else if message.closerPeers.popLast() == nil, message.providerPeers.popLast() == nil {
                break
            }
            bytes = message.serialized()
        }
        return ByteBuffer(bytes: bytes)
    }

    private func serialized() -> [UInt8] {
        var proto = ProtoDHTMessage()
        proto.type = self.kind.proto
        proto.key = field(self.key)
        if let record = self.record {
            proto.record.key = field(record.key)
            proto.record.value = field(record.value)
        }
        proto.closerPeers = self.closerPeers.map(\.proto)
        proto.providerPeers = self.providerPeers.map(\.proto)
        // Only missing required fields can make this throw, and proto3 has none.
        return (try? proto.serializedBytes()) ?? []
    }
}

/// `bytes` as the generated code holds them: as Foundation's `Data`, which our own sources do without.
private func field<Bytes: RangeReplaceableCollection<UInt8>>(_ bytes: [UInt8]) -> Bytes {
    Bytes(bytes)
}

extension [PeerInfo] {
    fileprivate mutating func keepAddresses(_ count: Int) {
        for index in self.indices { self[index].addresses = [Multiaddr](self[index].addresses.prefix(count)) }
    }
}

extension PeerInfo {
    fileprivate var proto: ProtoDHTMessage.Peer {
        var proto = ProtoDHTMessage.Peer()
        proto.id = field(self.id.bytes)
        proto.addrs = self.addresses.prefix(Limits.addressesPerPeer).map { field($0.bytes) }
        return proto
    }
}

extension Message.Kind {
    fileprivate init?(_ proto: ProtoDHTMessage.MessageType) {
        switch proto {
        case .putValue: self = .putValue
        case .getValue: self = .getValue
        case .addProvider: self = .addProvider
        case .getProviders: self = .getProviders
        case .findNode: self = .findNode
        case .ping: self = .ping
        case .UNRECOGNIZED: return nil
        }
    }

    fileprivate var proto: ProtoDHTMessage.MessageType {
        switch self {
        case .putValue: .putValue
        case .getValue: .getValue
        case .addProvider: .addProvider
        case .getProviders: .getProviders
        case .findNode: .findNode
        case .ping: .ping
        }
    }
}
