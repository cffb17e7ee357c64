import Logging
import NIOCore
import NIOPosix
package import P2PWire
import Synchronization

extension Host {
    /// A bound socket and the addresses under which it can be reached.
    struct Listener {
        var channel: any Channel
        var addresses: [Multiaddr]
    }

    /// Binds one address.
    func bind(_ address: Multiaddr) async throws(P2PError) -> Listener {
        guard let endpoint = address.tcpEndpoint, let socketAddress = Self.socketAddress(endpoint) else {
            let example = "give an IP address and a port, as in /ip4/0.0.0.0/tcp/4801"
            throw P2PError(.invalidConfiguration, "cannot listen on \(address): \(example)")
        }
        let bootstrap = ServerBootstrap(group: self.group)
            .serverChannelOption(ChannelOptions.backlog, value: 256)
            .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
            .connectionOptions()
            .childChannelInitializer { channel in self.accept(channel) }
        if case .ip6 = endpoint.host {
            // Otherwise `::` takes the port of IPv4 as well, which 0.0.0.0 beside it already has.
            let isIPv6Only = ChannelOptions.Types.SocketOption(level: .ipv6, name: .ipv6_v6only)
            _ = bootstrap.serverChannelOption(isIPv6Only, value: 1)
        }
        do {
            let channel = try await bootstrap.bind(to: socketAddress).get()
            let port = UInt16(clamping: channel.localAddress?.port ?? Int(endpoint.port))
            return Listener(channel: channel, addresses: Self.reachableAddresses(endpoint, port: port))
        } catch {
            throw P2PError(binding: address, port: endpoint.port, error)
        }
    }

    /// Starts the upgrade of an inbound connection, if there is room for it; else closes it before it has cost anything.
    private func accept(_ channel: any Channel) -> EventLoopFuture<Void> {
        let address = Self.multiaddr(channel.remoteAddress)
        let reservation: Reservation
        do throws(P2PError) {
            try self.checkBan(at: address)
            reservation = try Reservation(self.book) { ledger throws(ResourceRefusal) in
                try ledger.accept(from: address.ipAddress, at: .now())
            }
        } catch {
            self.configuration.logger.debug("turned away", metadata: ["address": "\(address)", "reason": "\(error)"])
            return channel.close()
        }
        return channel.eventLoop.makeCompletedFuture {
            let handler = UpgradeHandler(
                role: .listener,
                host: self,
                remoteAddress: address,
                expectedPeer: nil,
                reservation: reservation,
                established: channel.eventLoop.makePromise(of: Connection.self)
            )
            try channel.pipeline.syncOperations.addHandler(handler)
        }
    }

    private static func socketAddress(_ endpoint: TCPEndpoint) -> SocketAddress? {
        switch endpoint.host {
        case .ip4(let text), .ip6(let text): try? SocketAddress(ipAddress: text, port: Int(endpoint.port))
        case .dns, .dns4, .dns6: nil
        }
    }

    /// What a bound address means to others: a wildcard stands for the addresses of all interfaces of its family.
    private static func reachableAddresses(_ endpoint: TCPEndpoint, port: UInt16) -> [Multiaddr] {
        let hosts: [String] =
            switch endpoint.host {
            case .ip4("0.0.0.0"): self.interfaceAddresses(.inet)
            case .ip6("::"): self.interfaceAddresses(.inet6)
            case .ip4(let text), .ip6(let text): [text]
            case .dns, .dns4, .dns6: []
            }
        return hosts.compactMap { try? Multiaddr(ipAddress: $0, tcpPort: port) }
    }

    /// Link-local addresses are left out: they mean nothing without the name of an interface.
    private static func interfaceAddresses(_ family: NIOBSDSocket.ProtocolFamily) -> [String] {
        let devices = (try? System.enumerateDevices()) ?? []
        let addresses = devices.compactMap(\.address).filter { $0.protocol == family }.compactMap(\.ipAddress)
        var seen: Set<String> = []
        return addresses.filter { !$0.hasPrefix("fe80") && seen.insert($0).inserted }
    }

    /// The addresses of this machine's interfaces, loopback included.
    package static var machineAddresses: Set<IPAddress> {
        let devices = (try? System.enumerateDevices()) ?? []
        return Set(devices.compactMap(\.address).compactMap { self.multiaddr($0).ipAddress })
    }

    /// The remote end of a socket, without a peer id.
    static func multiaddr(_ address: SocketAddress?) -> Multiaddr {
        let text = address?.ipAddress ?? "0.0.0.0"
        let bare = text.split(separator: "%").first.map(String.init) ?? text
        let known = try? Multiaddr(ipAddress: bare, tcpPort: UInt16(clamping: address?.port ?? 0))
        return known ?? Self.unknownAddress
    }

    /// Stands for a remote end that has closed before it could be asked.
    private static let unknownAddress = Multiaddr(components: [.tcp(0)])
}
