package import P2PWire

/// The network that an address belongs to, as far as one owner is likely to have it whole: the first 16 bits of an IPv4
/// address, the first 32 of an IPv6 address (go-libp2p-kbucket, `peerdiversity`).
///
/// Peer ids cost nothing and addresses in many networks cost much. Addresses that are not routed on the internet
/// belong to no group: anybody has as many of them as he likes, and whole swarms live in one such network.
package enum NetworkGroup: Hashable, Sendable {
    case v4(UInt16)
    case v6(UInt32)

    package init?(_ address: IPAddress) {
        guard address.scope == .global else { return nil }
        let bytes = address.unmapped.bytes
        let prefix = bytes.prefix(bytes.count == 4 ? 2 : 4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        self = bytes.count == 4 ? .v4(UInt16(prefix)) : .v6(prefix)
    }

    /// The groups of a peer that has these addresses, each once. One that has none, or only names, has no group.
    package static func groups(of addresses: [Multiaddr]) -> [NetworkGroup] {
        var groups: [NetworkGroup] = []
        for address in addresses {
            guard let ip = address.ipAddress, let group = NetworkGroup(ip), !groups.contains(group) else { continue }
            groups.append(group)
        }
        return groups
    }
}
