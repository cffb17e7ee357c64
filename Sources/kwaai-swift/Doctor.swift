import Foundation
import Kademlia
import Model
import P2PCore
import P2PWire
import ShardProtocol

/// Finds out what ``HealthCheck`` judges: opens files and sockets, dials, asks.
struct Doctor: Sendable {
    private let host: P2PCore.Host.Configuration
    private let identityPath: String
    private let listenAddresses: [Multiaddr]
    private let bootstrap: [Multiaddr]
    private let namesBootstrap: Bool
    private let prefix: String
    private let remembered = RememberedPeers(path: Directories.peersFile)

    /// Peers that are asked to dial back.
    private static let witnesses = 3

    init(_ options: NetworkOptions, _ settings: Settings, listen: [Multiaddr]) throws {
        let named = try options.namedBootstrap(settings)
        self.namesBootstrap = !named.isEmpty
        self.bootstrap = named.isEmpty ? self.remembered.addresses + [try Multiaddr(Defaults.bootstrapAddress)] : named
        self.identityPath = options.identity ?? settings.string(.identity) ?? Directories.identityFile
        let listen = try listen.isEmpty ? settings.values(.listen) { try Multiaddr($0) } : listen
        self.listenAddresses = try listen.isEmpty ? Defaults.listenAddresses.map { try Multiaddr($0) } : listen
        self.prefix = options.prefix(settings)
        var host = P2PCore.Host.Configuration(agentVersion: Version.agent)
        host.allowedPeers = try options.allowedPeers(settings)
        host.logger = try options.logger(settings)
        self.host = host
    }

    /// Makes all checks, the quick ones first.
    ///
    /// - Parameter found: Hears of each as soon as it is made.
    func examine(_ found: @Sendable (HealthCheck) throws -> Void) async throws -> [HealthCheck] {
        var checks: [HealthCheck] = []
        func note(_ check: HealthCheck) throws {
            checks.append(check)
            try found(check)
        }
        let identity = self.identity()
        try note(.identity(self.identityPath, identity))
        for check in Self.machine() { try note(check) }
        let ports = try await self.ports()
        for (address, finding) in ports { try note(.port(address, finding, own: identity.peer)) }
        for check in try await self.network(ports, own: identity.peer) { try note(check) }
        return checks
    }

    // MARK: This machine

    private func identity() -> HealthCheck.IdentityFinding {
        guard FileManager.default.fileExists(atPath: self.identityPath) else { return .missing }
        do throws(P2PError) {
            let peer = try IdentityFile.peerID(path: self.identityPath)
            do throws(P2PError) {
                _ = try IdentityFile.load(path: self.identityPath, createIfMissing: false)
                return .usable(peer)
            } catch {
                return error.code == .identityInUse ? .held(peer) : .unusable(error.message)
            }
        } catch {
            return .unusable(error.message)
        }
    }

    private static func machine() -> [HealthCheck] {
        let cores = ProcessInfo.processInfo.activeProcessorCount
        let memory = SystemMemory.available.map { HealthCheck("memory", .ok, "\(ByteCount(bytes: $0)) free") }
        return [
            HealthCheck("processor", .ok, "\(cores) cores; products use \(Kernels.best.name)"),
            memory ?? HealthCheck("memory", .warning, "the system does not tell how much is free"),
            .fileDescriptors(), .interfaces(Array(P2PCore.Host.machineAddresses)),
        ]
    }

    /// What is at each address where "serve" would listen.
    private func ports() async throws -> [(Multiaddr, HealthCheck.PortFinding)] {
        var findings: [(Multiaddr, HealthCheck.PortFinding)] = []
        for address in self.listenAddresses {
            var configuration = self.host
            configuration.listenAddresses = [address]
            do {
                try await withHost(configuration) { _ in }
                findings.append((address, .free))
            } catch let error as P2PError where error.code == .portInUse {
                findings.append((address, try await self.occupant(of: address)))
            } catch let error as P2PError {
                findings.append((address, .unusable(error.message)))
            }
        }
        return findings
    }

    private func occupant(of address: Multiaddr) async throws -> HealthCheck.PortFinding {
        try await withHost(self.host) { host in
            guard let peer = try? await host.dial(address.asDialledHere) else { return .stranger }
            return .peer(peer)
        }
    }

    // MARK: The network

    private func network(
        _ ports: [(address: Multiaddr, finding: HealthCheck.PortFinding)],
        own: PeerID?
    ) async throws -> [HealthCheck] {
        var configuration = self.host
        configuration.listenAddresses = ports.filter { $0.finding == .free }.map(\.address)
        return try await withHost(configuration) { host in
            let autoNAT = AutoNATService(host: host)
            let dials = await self.dialAll(from: host)
            var checks: [HealthCheck] = [.bootstrap(dials, areNamed: self.namesBootstrap)]
            checks.append(await self.search(dials, host))
            if let own, let server = ports.first(where: { $0.finding == .peer(own) }) {
                checks.append(await Self.askServer(PeerInfo(id: own, addresses: [server.address.asDialledHere]), host))
            } else {
                checks.append(await Self.askBack(autoNAT, host))
            }
            checks.append(.clock(offsets: host.clockOffsets(elapsed: Self.acquaintance)))
            let count = self.remembered.addresses.count
            checks.append(
                HealthCheck(
                    "remembered",
                    .ok,
                    "\(count) \(count == 1 ? "peer" : "peers") of earlier times, in \(Directories.peersFile)"
                )
            )
            return checks
        }
    }

    /// How long the examination knows its peers, at most.
    private static let acquaintance = Duration.seconds(120)

    private func dialAll(from host: P2PCore.Host) async -> [HealthCheck.DialFinding] {
        await withTaskGroup(of: HealthCheck.DialFinding.self) { group in
            // The first node of a machine would find itself at the default address.
            let own = host.listenAddresses
            for address in self.bootstrap where !own.contains(address.withoutPeerID) {
                group.addTask {
                    let start = ContinuousClock.now
                    do throws(P2PError) {
                        let peer = try await host.dial(address)
                        let time = ContinuousClock.now - start
                        // What it speaks is asked next; a peer that does not say is no worse for that.
                        _ = try? await host.awaitIdentification(of: peer)
                        return .answered(address, peer, after: time)
                    } catch {
                        return .failed(address, error.message)
                    }
                }
            }
            var findings: [HealthCheck.DialFinding] = []
            for await finding in group { findings.append(finding) }
            return findings
        }
    }

    private func search(_ dials: [HealthCheck.DialFinding], _ host: P2PCore.Host) async -> HealthCheck {
        let entries = dials.compactMap { if case .answered(let address, _, _) = $0 { address } else { nil } }
        let configuration = DHT.Configuration(protocolPrefix: self.prefix, mode: .client, bootstrap: entries)
        let dht = DHT(host: host, configuration: configuration)
        guard !entries.isEmpty else { return .search(peers: nil, after: .zero, protocolPrefix: self.prefix) }
        // Nobody serving is found out by the search as well.
        _ = try? await dht.bootstrap()
        let key = (0..<32).map { _ in UInt8.random(in: .min ... .max) }
        let start = ContinuousClock.now
        let found = await dht.closestPeers(to: key)
        for peer in found { _ = try? await host.awaitIdentification(of: peer.id) }
        return .search(peers: found.count, after: ContinuousClock.now - start, protocolPrefix: self.prefix)
    }

    /// Asks peers to dial where this examination listens.
    private static func askBack(_ autoNAT: AutoNATService, _ host: P2PCore.Host) async -> HealthCheck {
        let candidates = autoNAT.candidates
        guard let port = host.listenAddresses.first?.tcpPort else {
            return HealthCheck("reachability", .warning, "there is no free port to be dialled at")
        }
        // Those of other machines are the better witnesses.
        let own = P2PCore.Host.machineAddresses
        let isNear: @Sendable (PeerID) -> Bool = { peer in
            host.remoteAddresses(of: peer).contains { $0.ipAddress.map(own.contains) ?? false }
        }
        let able = host.connectedPeers.filter(host.speaksAutoNAT)
        let witnesses = (able.filter { !isNear($0) } + able.filter(isNear)).prefix(Self.witnesses)
        let findings = await withTaskGroup(of: HealthCheck.DialBackFinding.self) { group in
            for peer in witnesses {
                group.addTask {
                    // A peer of this machine sees it at its loopback, and dials nothing else of it.
                    let addresses = candidates + (isNear(peer) ? host.listenAddresses : [])
                    do throws(P2PError) {
                        let result = try await autoNAT.ask(PeerInfo(id: peer, addresses: []), toDial: addresses)
                        return .tried(by: peer, result, isNear: isNear(peer))
                    } catch {
                        return .failed(peer, error.message)
                    }
                }
            }
            var findings: [HealthCheck.DialBackFinding] = []
            for await finding in group { findings.append(finding) }
            return findings
        }
        return .reachability(findings, port: port)
    }

    /// Asks this machine's own "serve" what it knows.
    private static func askServer(_ server: PeerInfo, _ host: P2PCore.Host) async -> HealthCheck {
        let records = try? await fetchNodeRecords(from: server, over: host, now: .now())
        let own = records?.first { $0.peer == server.id }
        return .reachability(ofServer: own?.record.dialledFrom, port: server.addresses.first?.tcpPort ?? 0)
    }
}

extension HealthCheck.IdentityFinding {
    fileprivate var peer: PeerID? {
        switch self {
        case .usable(let peer), .held(let peer): peer
        case .missing, .unusable: nil
        }
    }
}

extension Multiaddr {
    fileprivate var tcpPort: UInt16? { self.tcpEndpoint?.port }

    /// How this machine dials what listens there: a wildcard is no place to connect to.
    fileprivate var asDialledHere: Multiaddr {
        guard let endpoint = self.tcpEndpoint else { return self }
        let loopback: String? =
            switch endpoint.host {
            case .ip4("0.0.0.0"): "127.0.0.1"
            case .ip6("::"): "::1"
            default: nil
            }
        return loopback.flatMap { try? Multiaddr(ipAddress: $0, tcpPort: endpoint.port) } ?? self
    }
}
