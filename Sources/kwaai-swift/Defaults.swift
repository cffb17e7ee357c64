import Foundation

/// What holds when neither a flag nor a setting says otherwise.
enum Defaults {
    static let port = 4801
    /// Where `serve` listens when nothing else is asked for: everywhere, because it is there for others.
    /// A machine without IPv6 could not listen there, and is no reason to fail.
    static var listenAddresses: [String] {
        ["/ip4/0.0.0.0/tcp/\(Self.port)"] + (Self.hasIPv6 ? ["/ip6/::/tcp/\(Self.port)"] : [])
    }

    /// Whether any interface has an address of IPv6.
    private static var hasIPv6: Bool {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&first) == 0 else { return false }
        defer { freeifaddrs(first) }
        return sequence(first: first, next: { $0?.pointee.ifa_next })
            .contains { $0?.pointee.ifa_addr.map { Int32($0.pointee.sa_family) == AF_INET6 } ?? false }
    }

    /// A peer on this machine, the last place to look for the network (DESIGN.md §4).
    static let bootstrapAddress = "/ip4/127.0.0.1/tcp/\(Self.port)"
}
