public import NIOCore

/// Where numbers are told: a port of this machine's own. What a node does is nobody else's business.
public struct MetricsAddress: Hashable, Sendable {
    public let socketAddress: SocketAddress

    /// - Parameter text: `9100`, `127.0.0.1:9100` or `[::1]:9100`; port 0 takes a free one.
    /// - Throws: ``MetricsError`` for anything else, and for an address that other machines can reach.
    public init(_ text: String) throws(MetricsError) {
        let colon = text.lastIndex(of: ":")
        let port = colon.map { text[text.index(after: $0)...] } ?? text[...]
        let host = colon.map { String(text[..<$0].trimmingPrefix("[")) } ?? "127.0.0.1"
        let bare = host.hasSuffix("]") ? String(host.dropLast()) : host
        guard let port = UInt16(port), let address = try? SocketAddress(ipAddress: bare, port: Int(port)) else {
            throw MetricsError("\(text) is no port: give one like 9100, 127.0.0.1:9100 or [::1]:9100")
        }
        guard Self.isLoopback(address) else {
            throw MetricsError(
                "\(bare) can be reached from other machines, which have no business with these numbers: give a port alone,"
                    + " and let whatever collects them run on this machine"
            )
        }
        self.socketAddress = address
    }

    private static func isLoopback(_ address: SocketAddress) -> Bool {
        switch address {
        case .v4: address.ipAddress?.hasPrefix("127.") == true
        case .v6: address.ipAddress == "::1"
        case .unixDomainSocket: false
        }
    }
}

/// Why numbers cannot be told; says what to do.
public struct MetricsError: Error, CustomStringConvertible {
    public let message: String

    init(_ message: String) { self.message = message }

    public var description: String { self.message }
}
