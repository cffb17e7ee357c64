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
        guard address.isPublic else { return nil }
        let bytes = address.unmapped
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

extension Multiaddr {
    /// The IP address that it begins with; nil for names.
    package var ipAddress: IPAddress? {
        switch self.components.first {
        case .ip4(let address), .ip6(let address): address
        case .dns, .dns4, .dns6, .dnsaddr, .tcp, .udp, .p2p, .p2pCircuit, .quicV1, .ws, nil: nil
        }
    }
}

extension IPAddress {
    /// Whether the internet routes to it: not loopback, link-local, private, shared between a provider's customers, or
    /// multicast (RFC 1122, 1918, 3927, 4193, 4291, 6598).
    package var isPublic: Bool {
        let bytes = self.unmapped
        guard bytes.count == 4 else {
            // ::/8 holds the unspecified and the loopback address, fc00::/7 and fe80::/10 are local, ff00::/8 multicast.
            return bytes[0] != 0 && bytes[0] & 0xfe != 0xfc && !(bytes[0] == 0xfe && bytes[1] & 0xc0 == 0x80)
                && bytes[0] != 0xff
        }
        switch (bytes[0], bytes[1]) {
        case (0, _), (10, _), (127, _), (224..., _), (169, 254), (192, 168): return false
        case (172, 16...31), (100, 64...127): return false
        default: return true
        }
    }

    /// The bytes, of IPv4 where an IPv6 address only wraps one (::ffff:0:0/96).
    fileprivate var unmapped: [UInt8] {
        let isMapped = self.bytes.count == 16 && self.bytes.starts(with: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff])
        return isMapped ? Array(self.bytes.suffix(4)) : self.bytes
    }
}
