import ArgumentParser
import BlockServer
import Foundation
import Kademlia
import Model
import P2PCore
import P2PWire
import Prometheus
import Synchronization
import UnixSignals

/// One `serve` from the first listening socket to the last session.
struct ServeService: Sendable {
    var host: P2PCore.Host.Configuration
    var dht: DHT.Configuration
    var server: BlockServer.Configuration
    var model: ModelDirectory
    var output: ServeOutput
    /// Who tells the numbers; nil where nobody asked for them.
    var numbers: MetricsServer?
    /// Whether the user named the bootstrap peers; those that are only remembered may well be gone.
    var namesBootstrap: Bool
    /// Whether peers of the local network are looked for, and may find this one.
    var discovers: Bool

    /// How long to wait before the bootstrap peers are tried again: they may be starting just now.
    private static let joinInterval = Duration.seconds(10)

    /// How long a node may stay without anybody dialling it before that is worth a word.
    private static let reachabilityPatience = Duration.seconds(60)

    func run(until signals: UnixSignalsSequence) async throws {
        try await withHost(self.host) { host in
            let addresses = host.dialAddresses
            self.output.listening(peer: host.peerID, addresses: addresses)
            let dht = DHT(host: host, configuration: self.dht)
            let autoNAT = AutoNATService(host: host)
            host.servePerf(.anybody)
            let server = try BlockServer(
                host: host,
                dht: dht,
                autoNAT: autoNAT,
                model: self.model,
                configuration: self.server
            )
            try await withThrowingTaskGroup(of: Bool.self) { group in
                group.addTask {
                    await dht.run()
                    return false
                }
                if let numbers = self.numbers {
                    group.addTask {
                        try await numbers.run { self.output.numbers(port: $0) }
                        return false
                    }
                }
                if self.discovers {
                    group.addTask {
                        await LocalEntrances().watch(host, dht)
                        return false
                    }
                }
                group.addTask {
                    await self.watch(autoNAT, addresses: addresses)
                    return false
                }
                group.addTask {
                    await self.show(server.events, addresses: addresses)
                    return false
                }
                group.addTask {
                    await self.drain(server, at: signals)
                    return false
                }
                group.addTask {
                    // Joined first, so that the first announcement finds somebody to take it.
                    let hasJoined = await self.join(dht, isFirst: true)
                    return try await withThrowingTaskGroup(of: Void.self) { group in
                        if !hasJoined { group.addTask { await self.keepJoining(dht) } }
                        try await server.run()
                        group.cancelAll()
                        return true
                    }
                }
                // The server ends when it is drained, or throws when it cannot serve; then the rest is not needed.
                while let isServer = try await group.next(), !isServer {}
                group.cancelAll()
            }
        }
    }

    /// Tries the bootstrap peers once.
    ///
    /// - Returns: whether one answered, or none was named.
    private func join(_ dht: DHT, isFirst: Bool) async -> Bool {
        guard !self.dht.bootstrap.isEmpty else { return true }
        do {
            _ = try await dht.bootstrap()
            try? RememberedPeers(path: Directories.peersFile).remember(await dht.peers)
            return true
        } catch {
            if isFirst, self.namesBootstrap { self.output.warning("\(error); trying again every \(Self.joinInterval)") }
            return false
        }
    }

    /// Tries the bootstrap peers until one answers: machines of one network may be started in any order.
    private func keepJoining(_ dht: DHT) async {
        while (try? await Task.sleep(for: Self.joinInterval)) != nil {
            if await self.join(dht, isFirst: false) { return }
        }
    }

    private func show(_ events: AsyncStream<BlockServer.Event>, addresses: [Multiaddr]) async {
        var loading = ProgressLine("Loading")
        // Others find this peer once it serves and is announced, in either order.
        var missing: Set = ["online", "announced"]
        var range = self.server.range
        for await event in events {
            switch event {
            case .chose(let chosen):
                range = chosen
                missing = ["online", "announced"]
                self.output.chose(range)
            case .moving(let target): self.output.moving(from: range, to: target)
            case .loading(let fraction): loading.update(fraction)
            case .online: missing.remove("online")
            case .announced: missing.remove("announced")
            case .draining: self.output.draining()
            case .testing, .stopped: break
            }
            if missing.isEmpty {
                self.output.online(with: range, addresses: addresses)
                missing = ["done"]
            }
        }
    }

    /// Says whether others can dial this node, as soon as that is clear.
    private func watch(_ autoNAT: AutoNATService, addresses: [Multiaddr]) async {
        let changes = autoNAT.changes
        let said = Mutex(ReachabilityNotice(addresses: addresses))
        let tell: @Sendable (Reachability, Bool) -> Void = { reachability, isLate in
            let notice = said.withLock { $0.next(reachability, isLate: isLate, now: .now) }
            if let notice { self.output.reachability(notice) }
        }
        tell(autoNAT.reachability, false)
        await withDiscardingTaskGroup { group in
            group.addTask { await autoNAT.run() }
            group.addTask {
                guard (try? await Task.sleep(for: Self.reachabilityPatience)) != nil else { return }
                tell(autoNAT.reachability, true)
            }
            for await reachability in changes { tell(reachability, false) }
        }
    }

    /// The first signal drains, the second ends the process.
    private func drain(_ server: BlockServer, at signals: UnixSignalsSequence) async {
        await withDiscardingTaskGroup { group in
            var isDraining = false
            for await _ in signals {
                if isDraining { Foundation.exit(ExitCode.interrupted.rawValue) }
                isDraining = true
                group.addTask { await server.drain() }
            }
        }
    }
}
