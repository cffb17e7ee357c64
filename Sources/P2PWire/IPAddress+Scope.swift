extension IPAddress {
    /// From where an address can be reached (the registries of RFC 6890).
    package enum Scope: Sendable {
        /// From the machine itself.
        case loopback
        /// From one cable or radio.
        case linkLocal
        /// From one site: RFC 1918, unique local addresses, and the addresses that carriers share out (RFC 6598).
        case site
        /// From everywhere.
        case global
        /// From nowhere: unspecified, multicast, documentation, reserved.
        case none
    }

    package var scope: Scope {
        switch self.family {
        case .v4: Self.scope(ofIPv4: self.bytes)
        case .v6: self.embeddedIPv4.map { Self.scope(ofIPv4: $0.bytes) } ?? Self.scope(ofIPv6: self.bytes)
        }
    }

    /// The IPv4 address that an IPv6 one stands for: mapped (RFC 4291), or translated by NAT64 (RFC 6052).
    private var embeddedIPv4: IPAddress? {
        if self.unmapped.family == .v4 { return self.unmapped }
        let translated: [UInt8] = [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0]
        return self.bytes.starts(with: translated) ? IPAddress(bytes: Array(self.bytes.suffix(4))) : nil
    }

    private static func scope(ofIPv4 bytes: [UInt8]) -> Scope {
        switch (bytes[0], bytes[1], bytes[2]) {
        case (127, _, _): .loopback
        case (169, 254, _): .linkLocal
        case (10, _, _), (172, 16...31, _), (192, 168, _), (100, 64...127, _): .site
        // "This network", IETF protocol assignments, documentation and benchmarking, multicast and reserved.
        case (0, _, _), (192, 0, 0), (192, 0, 2), (198, 51, 100), (203, 0, 113), (198, 18...19, _), (224..., _, _):
            .none
        default: .global
        }
    }

    private static func scope(ofIPv6 bytes: [UInt8]) -> Scope {
        if bytes.dropLast().allSatisfy({ $0 == 0 }) { return bytes[15] == 1 ? .loopback : .none }
        return switch (bytes[0], bytes[1]) {
        case (0xfe, 0x80...0xbf): .linkLocal
        case (0xfc...0xfd, _): .site
        // Documentation (RFC 3849).
        case (0x20, 0x01) where bytes[2] == 0x0d && bytes[3] == 0xb8: .none
        case (0x20...0x3f, _): .global
        default: .none
        }
    }
}
