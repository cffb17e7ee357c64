/// All addresses that begin with the same bits: what one owner of addresses most likely holds.
package struct IPPrefix: Hashable, Sendable, CustomStringConvertible {
    /// The first address of them: whatever follows the prefix is zero.
    package let address: IPAddress
    /// 0…32 for IPv4, 0…128 for IPv6.
    package let bitCount: Int

    package func contains(_ address: IPAddress) -> Bool {
        address.family == self.address.family && address.prefix(self.bitCount) == self
    }

    package var description: String { "\(self.address)/\(self.bitCount)" }
}

extension IPAddress {
    /// The addresses that share the first `bitCount` bits with this one, at most all of its bits.
    package func prefix(_ bitCount: Int) -> IPPrefix {
        let kept = min(max(bitCount, 0), self.bytes.count * 8)
        var bytes = self.bytes
        for index in bytes.indices {
            let bits = min(max(kept - index * 8, 0), 8)
            bytes[index] &= UInt8(truncatingIfNeeded: 0xff00 >> bits)
        }
        return IPPrefix(address: IPAddress(bytes: bytes), bitCount: kept)
    }

    /// An IPv4 address that stands in an IPv6 one (`::ffff:a.b.c.d`) as itself: a socket of both families tells it so.
    package var unmapped: IPAddress {
        let mark: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
        guard self.bytes.count == 16, self.bytes.starts(with: mark) else { return self }
        return IPAddress(bytes: Array(self.bytes.dropFirst(mark.count)))
    }

    /// This machine itself.
    package var isLoopback: Bool {
        switch self.family {
        case .v4: self.bytes[0] == 127
        case .v6: self.bytes.dropLast().allSatisfy { $0 == 0 } && self.bytes.last == 1
        }
    }

    /// Reachable only from nearby: RFC 1918, link-local, unique local (RFC 4193), and the range that carriers and overlay
    /// networks share (RFC 6598).
    package var isPrivate: Bool {
        let (a, b) = (self.bytes[0], self.bytes[1])
        return switch self.family {
        case .v4:
            a == 10 || (a == 172 && b & 0xf0 == 16) || (a == 192 && b == 168) || (a == 169 && b == 254)
                || (a == 100 && b & 0xc0 == 64)
        case .v6: a & 0xfe == 0xfc || (a == 0xfe && b & 0xc0 == 0x80)
        }
    }
}

extension Multiaddr {
    /// The IP address that the path begins with; nil for a name.
    package var ipAddress: IPAddress? {
        switch self.components.first {
        case .ip4(let address), .ip6(let address): address.unmapped
        default: nil
        }
    }
}
