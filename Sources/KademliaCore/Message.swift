package import P2PWire

/// One message of `PREFIX/kad/1.0.0`, request or answer (libp2p specification, kad-dht, "RPC messages").
package struct Message: Equatable, Sendable {
    package enum Kind: Equatable, Sendable, CaseIterable {
        case putValue, getValue, addProvider, getProviders, findNode, ping
    }

    package var kind: Kind
    /// What is asked for: a record's key, a provider record's multihash, or the bytes of a peer id.
    package var key: [UInt8]
    package var record: Record?
    /// The peers closest to `key` that the sender knows.
    package var closerPeers: [PeerInfo]
    package var providerPeers: [PeerInfo]

    package init(
        _ kind: Kind,
        key: [UInt8] = [],
        record: Record? = nil,
        closerPeers: [PeerInfo] = [],
        providerPeers: [PeerInfo] = []
    ) {
        self.kind = kind
        self.key = key
        self.record = record
        self.closerPeers = closerPeers
        self.providerPeers = providerPeers
    }
}

/// A value record. The time of its reception is left out: only its holder uses it, who measures it on a clock of its
/// own.
package struct Record: Equatable, Sendable {
    package var key: [UInt8]
    package var value: [UInt8]

    package init(key: [UInt8], value: [UInt8]) {
        self.key = key
        self.value = value
    }
}
