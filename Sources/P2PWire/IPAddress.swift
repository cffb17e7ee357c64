#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// An IPv4 or IPv6 address, as the system's own functions read and print it.
package struct IPAddress: Hashable, Sendable, CustomStringConvertible {
    package enum Family: Sendable { case v4, v6 }

    /// 4 or 16 bytes, in network order.
    package let bytes: [UInt8]

    /// Takes 4 or 16 bytes that the caller has counted.
    package init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    package init(_ text: String, family: Family) throws(WireError) {
        var bytes = [UInt8](repeating: 0, count: family == .v4 ? 4 : 16)
        guard inet_pton(family == .v4 ? AF_INET : AF_INET6, text, &bytes) == 1 else {
            throw WireError(.malformed, "\"\(text)\" is not an IP\(family) address")
        }
        self.bytes = bytes
    }

    package var family: Family { self.bytes.count == 4 ? .v4 : .v6 }

    package var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        inet_ntop(self.family == .v4 ? AF_INET : AF_INET6, self.bytes, &text, socklen_t(text.count))
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
