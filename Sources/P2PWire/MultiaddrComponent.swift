extension Multiaddr {
    /// One protocol of an address, with its value.
    package enum Component: Hashable, Sendable {
        case ip4(IPAddress)
        case ip6(IPAddress)
        case dns(String)
        case dns4(String)
        case dns6(String)
        case dnsaddr(String)
        case tcp(UInt16)
        case udp(UInt16)
        case p2p(PeerID)
        case p2pCircuit
        case quicV1
        case ws
    }

    /// The codes and names of the multicodec table.
    enum Code: UInt64, CaseIterable {
        case ip4 = 0x04
        case tcp = 0x06
        case ip6 = 0x29
        case dns = 0x35
        case dns4 = 0x36
        case dns6 = 0x37
        case dnsaddr = 0x38
        case udp = 0x0111
        case p2pCircuit = 0x0122
        case p2p = 0x01a5
        case quicV1 = 0x01cd
        case ws = 0x01dd

        var name: String {
            switch self {
            case .ip4: "ip4"
            case .tcp: "tcp"
            case .ip6: "ip6"
            case .dns: "dns"
            case .dns4: "dns4"
            case .dns6: "dns6"
            case .dnsaddr: "dnsaddr"
            case .udp: "udp"
            case .p2pCircuit: "p2p-circuit"
            case .p2p: "p2p"
            case .quicV1: "quic-v1"
            case .ws: "ws"
            }
        }

        init?(name: some StringProtocol) {
            // The name of /p2p before 2019, still in many people's notes.
            if name == "ipfs" {
                self = .p2p
                return
            }
            guard let code = Code.allCases.first(where: { $0.name == name }) else { return nil }
            self = code
        }
    }
}

// MARK: - Text

extension Multiaddr.Component: CustomStringConvertible {
    /// Takes a protocol's name and, where it has one, its value.
    init(name: Substring, value: () -> Substring?) throws(WireError) {
        guard let code = Multiaddr.Code(name: name) else {
            throw WireError(.unsupported, "the protocol \"\(name)\" of an address is not spoken here")
        }
        func text() throws(WireError) -> String {
            guard let text = value(), !text.isEmpty else {
                throw WireError(.malformed, "/\(name) of an address lacks its value")
            }
            return String(text)
        }
        func port() throws(WireError) -> UInt16 {
            let text = try text()
            guard let port = UInt16(text), text.utf8.first.map(isDigit) == true else {
                throw WireError(.malformed, "\"\(text)\" is not a port; ports are 0 to 65535")
            }
            return port
        }
        switch code {
        case .ip4: self = .ip4(try IPAddress(text(), family: .v4))
        case .ip6: self = .ip6(try IPAddress(text(), family: .v6))
        case .dns: self = .dns(try checkedName(text()))
        case .dns4: self = .dns4(try checkedName(text()))
        case .dns6: self = .dns6(try checkedName(text()))
        case .dnsaddr: self = .dnsaddr(try checkedName(text()))
        case .tcp: self = .tcp(try port())
        case .udp: self = .udp(try port())
        case .p2p: self = .p2p(try PeerID(text()))
        case .p2pCircuit: self = .p2pCircuit
        case .quicV1: self = .quicV1
        case .ws: self = .ws
        }
    }

    package var description: String {
        switch self {
        case .p2pCircuit, .quicV1, .ws: "/\(self.code.name)"
        case .ip4, .ip6, .dns, .dns4, .dns6, .dnsaddr, .tcp, .udp, .p2p: "/\(self.code.name)/\(self.valueText)"
        }
    }

    /// The value alone; empty for protocols without one.
    var valueText: String {
        switch self {
        case .ip4(let address), .ip6(let address): address.description
        case .dns(let name), .dns4(let name), .dns6(let name), .dnsaddr(let name): name
        case .tcp(let port), .udp(let port): String(port)
        case .p2p(let id): id.description
        case .p2pCircuit, .quicV1, .ws: ""
        }
    }
}

// MARK: - Bytes

extension Multiaddr.Component {
    /// Takes one component off the front of `bytes`.
    init(reading bytes: inout ArraySlice<UInt8>) throws(WireError) {
        let number = try takeUVarint(from: &bytes)
        guard let code = Multiaddr.Code(rawValue: number) else {
            throw WireError(.unsupported, "the protocol with code \(number) of an address is not spoken here")
        }
        switch code {
        case .ip4: self = .ip4(IPAddress(bytes: try take(4, from: &bytes)))
        case .ip6: self = .ip6(IPAddress(bytes: try take(16, from: &bytes)))
        case .dns: self = .dns(try takeName(from: &bytes))
        case .dns4: self = .dns4(try takeName(from: &bytes))
        case .dns6: self = .dns6(try takeName(from: &bytes))
        case .dnsaddr: self = .dnsaddr(try takeName(from: &bytes))
        case .tcp: self = .tcp(try takePort(from: &bytes))
        case .udp: self = .udp(try takePort(from: &bytes))
        case .p2p: self = .p2p(try PeerID(bytes: takePrefixed(from: &bytes)))
        case .p2pCircuit: self = .p2pCircuit
        case .quicV1: self = .quicV1
        case .ws: self = .ws
        }
    }

    var bytes: [UInt8] {
        let code = UVarint.encoded(self.code.rawValue)
        switch self {
        case .ip4(let address), .ip6(let address):
            return code + address.bytes
        case .dns(let name), .dns4(let name), .dns6(let name), .dnsaddr(let name):
            return code + UVarint.encoded(UInt64(name.utf8.count)) + name.utf8
        case .tcp(let port), .udp(let port):
            return code + [UInt8(port >> 8), UInt8(port & 0xff)]
        case .p2p(let id):
            return code + UVarint.encoded(UInt64(id.bytes.count)) + id.bytes
        case .p2pCircuit, .quicV1, .ws:
            return code
        }
    }

    var code: Multiaddr.Code {
        switch self {
        case .ip4: .ip4
        case .ip6: .ip6
        case .dns: .dns
        case .dns4: .dns4
        case .dns6: .dns6
        case .dnsaddr: .dnsaddr
        case .tcp: .tcp
        case .udp: .udp
        case .p2p: .p2p
        case .p2pCircuit: .p2pCircuit
        case .quicV1: .quicV1
        case .ws: .ws
        }
    }
}

private func isDigit(_ character: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(character)
}

/// A DNS name as it may be asked for: a slash or a control character in it would make another address of its text.
private func checkedName(_ name: String) throws(WireError) -> String {
    let isName = name.utf8.allSatisfy { character in
        isDigit(character)
            || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(character | 0x20)
            || [UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: ".")].contains(character)
    }
    guard isName, (1...Limits.dnsNameLength).contains(name.utf8.count) else {
        throw WireError(.malformed, "an address holds a DNS name that is not one")
    }
    return name
}

private let truncated = WireError(.malformed, "an address ends in the middle")

private func take(_ count: Int, from bytes: inout ArraySlice<UInt8>) throws(WireError) -> [UInt8] {
    guard bytes.count >= count else { throw truncated }
    defer { bytes.removeFirst(count) }
    return Array(bytes.prefix(count))
}

private func takeUVarint(from bytes: inout ArraySlice<UInt8>) throws(WireError) -> UInt64 {
    guard let (value, byteCount) = try UVarint.decode(bytes) else { throw truncated }
    bytes.removeFirst(byteCount)
    return value
}

private func takePrefixed(from bytes: inout ArraySlice<UInt8>) throws(WireError) -> [UInt8] {
    guard let count = Int(exactly: try takeUVarint(from: &bytes)) else { throw truncated }
    return try take(count, from: &bytes)
}

private func takePort(from bytes: inout ArraySlice<UInt8>) throws(WireError) -> UInt16 {
    let port = try take(2, from: &bytes)
    return UInt16(port[0]) << 8 | UInt16(port[1])
}

private func takeName(from bytes: inout ArraySlice<UInt8>) throws(WireError) -> String {
    try checkedName(String(decoding: takePrefixed(from: &bytes), as: UTF8.self))
}
