import Logging
import NIOCore
import NIOPosix
public import P2PWire

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Finds peers on the networks that this machine is in, and lets them find this one, by mDNS.
///
/// One socket for each interface with an IPv4 address: what is told there are the addresses of that interface, and what is
/// heard counts only from there (RFC 6762 §11).
public struct LocalDiscovery: Sendable {
    private let host: Host

    public init(host: Host) {
        self.host = host
    }

    /// Asks and answers until the task is cancelled.
    ///
    /// - Parameter discovered: called with each peer that is not connected already, a few at a time; one that comes to
    ///   nothing is tried again when it is heard of later.
    public func run(_ discovered: @escaping @Sendable (PeerInfo) async -> Void) async {
        let (peers, continuation) = AsyncStream.makeStream(
            of: PeerInfo.self,
            bufferingPolicy: .bufferingNewest(Limits.pendingDiscoveries)
        )
        let channels = await self.open(continuation)
        defer { for channel in channels { channel.close(promise: nil) } }
        var recent = RecentPeers()
        await withTaskGroup(of: Void.self) { group in
            var running = 0
            for await peer in peers {
                guard !self.host.connectedPeers.contains(peer.id), recent.insert(peer.id, at: .now()) else { continue }
                if running == Limits.concurrentDiscoveries {
                    await group.next()
                    running -= 1
                }
                group.addTask { await discovered(peer) }
                running += 1
            }
            group.cancelAll()
        }
    }

    // MARK: Sockets

    private func open(_ found: AsyncStream<PeerInfo>.Continuation) async -> [any Channel] {
        var channels: [any Channel] = []
        for interface in Self.interfaces() {
            do {
                channels.append(try await self.open(interface, found))
            } catch {
                self.host.configuration.logger.debug(
                    "no mDNS here",
                    metadata: ["interface": "\(interface.device.name)", "error": "\(error)"]
                )
            }
        }
        return channels
    }

    private struct Interface {
        var device: NIONetworkDevice
        var address: IPAddress
        var netmask: IPAddress
    }

    private static func interfaces() -> [Interface] {
        let devices = (try? System.enumerateDevices()) ?? []
        return devices.compactMap { device -> Interface? in
            guard device.multicastSupported,
                let address = device.address?.ipAddress.flatMap({ try? IPAddress($0, family: .v4) }),
                let netmask = device.netmask?.ipAddress.flatMap({ try? IPAddress($0, family: .v4) }),
                address.bytes[0] != 127
            else { return nil }
            return Interface(device: device, address: address, netmask: netmask)
        }.prefix(Limits.discoveryInterfaces).map { $0 }
    }

    private static let group = "224.0.0.251"
    private static let port = 5353

    private func open(
        _ interface: Interface,
        _ found: AsyncStream<PeerInfo>.Continuation
    ) async throws -> any Channel {
        let everybody = try SocketAddress(ipAddress: Self.group, port: Self.port)
        let host = self.host
        let channel = try await DatagramBootstrap(group: host.home)
            // The system's own responder, and other peers on this machine, listen there, too.
            .channelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
            .channelOption(SocketOptions.reusePort, value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = DiscoveryHandler(host: host, interface: (interface.address, interface.netmask)) {
                        found.yield($0)
                    }
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
            .bind(host: "0.0.0.0", port: Self.port).get()
        guard let multicast = channel as? any MulticastChannel, let options = channel as? any SocketOptionProvider
        else {
            try await channel.close()
            throw P2PError(.invalidConfiguration, "this system's sockets have no multicast")
        }
        // Four bytes in the order of the network, which is what the system's type is.
        let number = interface.address.bytes.withUnsafeBytes { $0.loadUnaligned(as: in_addr.self) }
        try await options.setIPMulticastIF(number).get()
        try await options.setIPMulticastTTL(255).get()
        try await multicast.joinGroup(everybody, device: interface.device).get()
        channel.pipeline.fireUserInboundEventTriggered(DiscoveryHandler.Start(everybody: everybody))
        return channel
    }
}

/// Peers that were handed out lately, so that every datagram does not dial them again.
struct RecentPeers {
    private var times: [PeerID: NIODeadline] = [:]

    /// Whether the peer was not handed out within the last seconds; counts it as handed out if so.
    mutating func insert(_ peer: PeerID, at now: NIODeadline) -> Bool {
        if let last = self.times[peer], now - last < Limits.rediscoveryPause { return false }
        if self.times.count >= Limits.rememberedDiscoveries {
            self.times = self.times.filter { now - $0.value < Limits.rediscoveryPause }
        }
        // More strangers than any network has: somebody makes them up.
        guard self.times.count < Limits.rememberedDiscoveries else { return false }
        self.times[peer] = now
        return true
    }
}

/// The shell of ``MulticastDiscovery`` on one socket.
private final class DiscoveryHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundOut = AddressedEnvelope<ByteBuffer>

    /// The socket is ready to send to everybody.
    struct Start: Sendable {
        var everybody: SocketAddress
    }

    private let host: Host
    private let address: IPAddress
    private let netmask: IPAddress
    private let found: (PeerInfo) -> Void
    private var discovery: MulticastDiscovery
    private var everybody: SocketAddress?

    init(host: Host, interface: (address: IPAddress, netmask: IPAddress), _ found: @escaping (PeerInfo) -> Void) {
        self.host = host
        (self.address, self.netmask) = interface
        self.found = found
        var generator = SystemRandomNumberGenerator()
        self.discovery = MulticastDiscovery(peer: host.peerID, addresses: [], at: .now(), using: &generator)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let start = event as? Start else { return }
        self.everybody = start.everybody
        self.tick(context)
    }

    private func tick(_ context: ChannelHandlerContext) {
        self.refreshAddresses()
        self.obey(self.discovery.tick(at: .now()), context)
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(deadline: self.discovery.deadline) {
            let (handler, context) = bound.value
            if context.channel.isActive { handler.tick(context) }
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = self.unwrapInboundIn(data)
        guard self.isNeighbour(envelope.remoteAddress) else { return }
        self.refreshAddresses()
        self.obey(self.discovery.received(envelope.data, at: .now()), context)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // One datagram that could not be sent or received; the next may.
        self.host.configuration.logger.debug("mDNS", metadata: ["error": "\(error)"])
    }

    /// What this host listens on here: on this interface's own number, and on those of IPv6, which has no socket here.
    private func refreshAddresses() {
        self.discovery.addresses = self.host.listenAddresses.filter { address in
            switch address.components[0] {
            case .ip4(let ip): ip == self.address
            case .ip6(let ip): ip.bytes != [UInt8](repeating: 0, count: 15) + [1]
            case .dns, .dns4, .dns6, .dnsaddr, .tcp, .udp, .p2p, .p2pCircuit, .quicV1, .ws: false
            }
        }
    }

    /// Whether the sender is in this interface's network, where alone multicast reaches.
    private func isNeighbour(_ sender: SocketAddress) -> Bool {
        guard let ip = sender.ipAddress.flatMap({ try? IPAddress($0, family: .v4) }) else { return false }
        return zip(zip(ip.bytes, self.address.bytes), self.netmask.bytes).allSatisfy { ($0.0 ^ $0.1) & $1 == 0 }
    }

    private func obey(_ actions: [MulticastDiscovery.Action], _ context: ChannelHandlerContext) {
        for action in actions {
            switch action {
            case .send(let bytes):
                guard let everybody else { continue }
                let envelope = AddressedEnvelope(remoteAddress: everybody, data: bytes)
                context.writeAndFlush(self.wrapOutboundOut(envelope), promise: nil)
            case .discovered(let peer):
                self.found(peer)
            }
        }
    }
}
