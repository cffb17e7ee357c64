/// Where a peer may be reached, as a path of protocols: `/ip4/127.0.0.1/tcp/4801/p2p/12D3Koo…` (multiformats, multiaddr).
public struct Multiaddr: Hashable, Sendable, CustomStringConvertible {
    /// From the outermost protocol inwards; never empty.
    package let components: [Component]

    /// Takes components that belong together in this order.
    package init(components: [Component]) {
        precondition(!components.isEmpty, "an address has at least one component")
        self.components = components
    }

    /// Takes the text of an address. Protocols that are not spoken here are refused by name.
    public init(_ text: String) throws(WireError) {
        guard text.utf8.count <= Limits.multiaddrLength else {
            throw WireError(
                .tooLarge,
                "an address of \(text.utf8.count) characters; the limit is \(Limits.multiaddrLength)"
            )
        }
        var parts = text.split(separator: "/", omittingEmptySubsequences: false)[...]
        guard parts.count > 1, parts.removeFirst().isEmpty else {
            throw WireError(
                .malformed,
                "\"\(text)\" is not an address; one looks like /ip4/127.0.0.1/tcp/4801/p2p/12D3KooW…"
            )
        }
        if parts.last?.isEmpty == true { parts.removeLast() }
        var components: [Component] = []
        while let name = parts.popFirst() {
            components.append(try Component(name: name, value: { parts.popFirst() }))
        }
        guard !components.isEmpty else { throw WireError(.malformed, "an address without any component") }
        self.components = components
    }

    /// Takes the binary form. A code that is not known here makes the whole address unreadable: its length is unknown.
    public init(bytes: some Collection<UInt8>) throws(WireError) {
        guard bytes.count <= Limits.multiaddrLength else {
            throw WireError(.tooLarge, "an address of \(bytes.count) bytes; the limit is \(Limits.multiaddrLength)")
        }
        var rest = Array(bytes)[...]
        var components: [Component] = []
        while !rest.isEmpty {
            components.append(try Component(reading: &rest))
        }
        guard !components.isEmpty else { throw WireError(.malformed, "an address without any component") }
        self.components = components
    }

    public var bytes: [UInt8] { self.components.flatMap(\.bytes) }

    public var description: String { self.components.map(\.description).joined() }

    /// The peer that the address ends at, if it names one.
    public var peerID: PeerID? {
        if case .p2p(let id)? = self.components.last { id } else { nil }
    }

    /// The same place, with `peer` as the one expected there.
    public func appending(peer: PeerID) -> Multiaddr {
        Multiaddr(components: self.withoutPeerID.components + [.p2p(peer)])
    }

    /// The same place, whoever is there. An address that is nothing but a peer id stays as it is.
    public var withoutPeerID: Multiaddr {
        guard self.peerID != nil, self.components.count > 1 else { return self }
        return Multiaddr(components: self.components.dropLast())
    }
}

/// A host and a port, as a socket wants them.
package struct TCPEndpoint: Hashable, Sendable {
    package enum Host: Hashable, Sendable {
        /// Text of an IPv4 address.
        case ip4(String)
        /// Text of an IPv6 address, without brackets.
        case ip6(String)
        /// A name to resolve to addresses of either family.
        case dns(String)
        case dns4(String)
        case dns6(String)
    }

    package let host: Host
    package let port: UInt16

    package init(host: Host, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// What `getaddrinfo` takes.
    package var hostName: String {
        switch self.host {
        case .ip4(let text), .ip6(let text), .dns(let text), .dns4(let text), .dns6(let text): text
        }
    }
}

extension Multiaddr {
    /// Where to connect a TCP socket; nil for addresses that need more than TCP (a relay, QUIC, WebSocket).
    package var tcpEndpoint: TCPEndpoint? {
        let components = self.withoutPeerID.components
        guard components.count == 2, case .tcp(let port) = components[1] else { return nil }
        let host: TCPEndpoint.Host? =
            switch components[0] {
            case .ip4: .ip4(components[0].valueText)
            case .ip6: .ip6(components[0].valueText)
            case .dns(let name): .dns(name)
            case .dns4(let name): .dns4(name)
            case .dns6(let name): .dns6(name)
            case .dnsaddr, .tcp, .udp, .p2p, .p2pCircuit, .quicV1, .ws: nil
            }
        return host.map { TCPEndpoint(host: $0, port: port) }
    }

    /// The address of a TCP socket, from the text of its IP address.
    package init(ipAddress: String, tcpPort: UInt16) throws(WireError) {
        let family = ipAddress.utf8.contains(UInt8(ascii: ":")) ? "ip6" : "ip4"
        try self.init("/\(family)/\(ipAddress)/tcp/\(tcpPort)")
    }
}
