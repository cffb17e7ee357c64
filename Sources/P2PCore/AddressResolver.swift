import NIOCore
import NIOPosix
import P2PWire

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Turns addresses with names into addresses with numbers: `/dns`, `/dns4` and `/dns6` by the system's resolver, which knows
/// the hosts file as well, and `/dnsaddr` by the TXT records of `_dnsaddr.NAME` (multiformats, DNSADDR).
///
/// One value resolves the addresses of one dial, and bounds what their names may lead to.
struct AddressResolver {
    private let dns: DNSClient
    /// Names that may still be asked for.
    private var questions = Limits.namesPerDial
    private var failure: P2PError?

    init(dns: DNSClient) {
        self.dns = dns
    }

    /// The addresses to connect to, in the order of `addresses`, each once; those that need no resolving stay as they are.
    ///
    /// - Throws: what was wrong with a name when nothing at all can be dialed.
    mutating func resolve(_ addresses: [Multiaddr]) async throws(P2PError) -> [Multiaddr] {
        var resolved: [Multiaddr] = []
        for address in addresses { resolved += await self.resolve(address, depth: 0) }
        if Task.isCancelled { throw .cancelled }
        if resolved.isEmpty, let failure { throw failure }
        var seen: Set<Multiaddr> = []
        return resolved.filter { seen.insert($0).inserted }
    }

    private mutating func resolve(_ address: Multiaddr, depth: Int) async -> [Multiaddr] {
        let rest = Array(address.components.dropFirst())
        let name: String
        var family: Int32 = AF_UNSPEC
        switch address.components[0] {
        case .dnsaddr(let name):
            return await self.resolve(dnsaddr: name, rest, depth: depth)
        case .dns(let text): name = text
        case .dns4(let text): (name, family) = (text, AF_INET)
        case .dns6(let text): (name, family) = (text, AF_INET6)
        case .ip4, .ip6, .tcp, .udp, .p2p, .p2pCircuit, .quicV1, .ws:
            return [address]
        }
        guard self.questions > 0 else { return [] }
        self.questions -= 1
        do throws(P2PError) {
            return try await Self.numbers(of: name, family: family, patience: self.dns.patience, self.dns.eventLoop)
                .map { Multiaddr(components: [$0.family == .v4 ? .ip4($0) : .ip6($0)] + rest) }
        } catch {
            self.failure = error
            return []
        }
    }

    /// Every address that the name's owner has published and that ends as the one asked for does: in the same peer id.
    private mutating func resolve(
        dnsaddr name: String,
        _ suffix: [Multiaddr.Component],
        depth: Int
    ) async -> [Multiaddr] {
        guard depth < Limits.dnsaddrDepth, self.questions > 0 else { return [] }
        self.questions -= 1
        let texts: [String]
        do throws(P2PError) {
            texts = try await self.dns.texts(of: Self.recordName(of: name))
        } catch {
            self.failure = error
            return []
        }
        let published = texts.compactMap { text in
            text.hasPrefix("dnsaddr=") ? try? Multiaddr(String(text.dropFirst("dnsaddr=".count))) : nil
        }
        let wanted = published.filter { Array($0.components.suffix(suffix.count)) == suffix }
        if wanted.isEmpty {
            let lack = published.isEmpty ? "publishes no address" : "publishes no address that ends as wanted"
            self.failure = P2PError(.dialFailed, "/dnsaddr/\(name) \(lack); check the name and the peer id")
        }
        var resolved: [Multiaddr] = []
        for address in wanted.prefix(Limits.addressesPerName) {
            resolved += await self.resolve(address, depth: depth + 1)
        }
        return resolved
    }

    private static func recordName(of name: String) throws(P2PError) -> DNSName {
        do throws(WireError) {
            return try DNSName(name).prefixed(by: "_dnsaddr")
        } catch {
            throw P2PError(.dialFailed, "\(name) is no DNS name: \(error.message)")
        }
    }

    // MARK: The system's resolver

    /// It blocks its thread for as long as it likes, so it has one of NIO's for such work, and nobody waits longer than
    /// `patience`.
    private static func numbers(
        of name: String,
        family: Int32,
        patience: Duration,
        _ eventLoop: any EventLoop
    ) async throws(P2PError) -> [IPAddress] {
        let unknown = P2PError(
            .dialFailed,
            "the name \(name) cannot be resolved; check it and this machine's DNS"
        )
        let promise = eventLoop.makePromise(of: [IPAddress].self)
        let timer = eventLoop.scheduleTask(in: TimeAmount(clamping: patience)) { promise.fail(unknown) }
        defer { timer.cancel() }
        NIOThreadPool.singleton.submit { state in
            guard case .active = state else { return promise.fail(unknown) }
            promise.succeed(Self.lookUp(name, family: family))
        }
        let found: [IPAddress]
        do {
            found = try await withTaskCancellationHandler {
                try await promise.futureResult.get()
            } onCancel: {
                promise.fail(P2PError.cancelled)
            }
        } catch {
            throw error as? P2PError ?? unknown
        }
        guard !found.isEmpty else { throw unknown }
        return found
    }

    private static func lookUp(_ name: String, family: Int32) -> [IPAddress] {
        var hints = addrinfo()
        hints.ai_family = family
        // One answer an address, not one for each kind of socket.
        hints.ai_protocol = Int32(IPPROTO_TCP)
        var first: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(name, nil, &hints, &first) == 0 else { return [] }
        defer { freeaddrinfo(first) }
        return sequence(first: first, next: { $0?.pointee.ai_next })
            .compactMap { $0?.pointee.ai_addr }
            .compactMap { Self.address(at: $0) }
            .prefix(Limits.addressesPerName)
            .map { $0 }
    }

    private static func address(at pointer: UnsafeMutablePointer<sockaddr>) -> IPAddress? {
        switch Int32(pointer.pointee.sa_family) {
        case AF_INET:
            pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { address in
                IPAddress(bytes: withUnsafeBytes(of: address.pointee.sin_addr) { Array($0) })
            }
        case AF_INET6:
            pointer.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { address in
                // A link-local address means nothing without the name of an interface, which no multiaddr of ours has.
                address.pointee.sin6_scope_id == 0
                    ? IPAddress(bytes: withUnsafeBytes(of: address.pointee.sin6_addr) { Array($0) }) : nil
            }
        default:
            nil
        }
    }
}
