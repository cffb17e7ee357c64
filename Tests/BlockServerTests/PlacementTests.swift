import Kademlia
import Model
import P2PCore
import P2PWire
import ShardProtocol
import Testing

@testable import BlockServer

/// Servers that choose their blocks, over loopback and a DHT.
@Suite(.timeLimit(.minutes(1))) struct PlacementTests {
    /// A configuration that may have any two blocks of the tiny model's four.
    private static func choosing(stay: Duration = .seconds(240)) throws -> BlockServer.Configuration {
        var configuration = BlockServer.Configuration(range: try BlockRange(0, 2))
        configuration.choices = try (0...2).map { try BlockRange($0, $0 + 2) }
        configuration.threads = 1
        configuration.drainTimeout = .zero
        configuration.settleTime = .seconds(1)
        configuration.longestStay = stay
        return configuration
    }

    private static func fixed(_ range: String) throws -> BlockServer.Configuration {
        var configuration = BlockServer.Configuration(range: try BlockRange(range))
        configuration.threads = 1
        configuration.drainTimeout = .zero
        configuration.longestStay = .milliseconds(20)
        return configuration
    }

    /// Runs `body` on a host of its own, with a DHT that has joined `bootstrap`.
    private func withNode(
        bootstrap: [Multiaddr] = [],
        _ body: @escaping @Sendable (Host, DHT) async throws -> Void
    ) async throws {
        let configuration = Host.Configuration(listenAddresses: [try Multiaddr("/ip4/127.0.0.1/tcp/0")])
        try await withHost(configuration) { host in
            let dht = DHT(host: host, configuration: DHT.Configuration(mode: .server, bootstrap: bootstrap))
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await dht.run() }
                defer { group.cancelAll() }
                if !bootstrap.isEmpty { _ = try await dht.bootstrap() }
                try await body(host, dht)
            }
        }
    }

    private func server(_ host: Host, _ dht: DHT, _ configuration: BlockServer.Configuration) throws -> BlockServer {
        try BlockServer(host: host, dht: dht, model: TinyModel.directory(), configuration: configuration)
    }

    /// Runs a server until it is online with a range that `isMeant`.
    private func run(_ server: BlockServer, until isMeant: @escaping @Sendable (BlockRange) -> Bool) async throws {
        var range = server.configuration.range
        for await event in server.events {
            switch event {
            case .chose(let chosen): range = chosen
            case .online where isMeant(range): return
            case .loading, .testing, .online, .announced, .moving, .draining, .stopped: break
            }
        }
        Issue.record("the server stopped before")
    }

    @Test func `two that start together cover the model together`() async throws {
        try await self.withNode { firstHost, firstDHT in
            try await self.withNode(bootstrap: firstHost.dialAddresses) { secondHost, secondDHT in
                let first = try self.server(firstHost, firstDHT, Self.choosing())
                let second = try self.server(secondHost, secondDHT, Self.choosing())
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for server in [first, second] { group.addTask { try await server.run() } }
                    try await self.run(first) { _ in true }
                    try await self.run(second) { _ in true }
                    let ranges = await [first.record?.range, second.record?.range].compactMap(\.self).sorted()
                    #expect(ranges.map(\.description) == ["0..2", "2..4"])
                    for server in [first, second] { await server.drain() }
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test func `one that chose moves to blocks that nobody serves, one whose owner chose never does`() async throws {
        try await self.withNode { firstHost, firstDHT in
            try await self.withNode(bootstrap: firstHost.dialAddresses) { secondHost, secondDHT in
                // Alone it takes the first two blocks; then another comes that must have the same.
                let choosing = try self.server(firstHost, firstDHT, Self.choosing(stay: .milliseconds(200)))
                let fixed = try self.server(secondHost, secondDHT, Self.fixed("0..2"))
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await choosing.run() }
                    try await self.run(choosing) { $0.lowerBound == 0 }
                    group.addTask { try await fixed.run() }
                    try await self.run(choosing) { $0.lowerBound == 2 }
                    #expect(await choosing.record?.range == (try BlockRange(2, 4)))
                    #expect(await choosing.state == .online)
                    #expect(await fixed.record?.range == (try BlockRange(0, 2)))
                    for server in [choosing, fixed] { await server.drain() }
                    try await group.waitForAll()
                }
                #expect(await choosing.state == .stopped)
            }
        }
    }

    @Test func `of two that would leave the same blocks at once, one goes and one stays`() async throws {
        // With one span to choose from neither goes by itself.
        var configuration = try Self.choosing()
        configuration.choices = [configuration.range]
        let (configured, gap) = (configuration, try BlockRange(2, 4))
        try await self.withNode { firstHost, firstDHT in
            try await self.withNode(bootstrap: firstHost.dialAddresses) { secondHost, secondDHT in
                let first = try self.server(firstHost, firstDHT, configured)
                let second = try self.server(secondHost, secondDHT, configured)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    var services: [BlockServer.Service] = []
                    for (server, host, dht) in [(first, firstHost, firstDHT), (second, secondHost, secondDHT)] {
                        group.addTask { try await server.run() }
                        try await self.run(server) { _ in true }
                        services.append(try await self.service(of: server, seeing: services.count, host, dht))
                    }
                    // The first is to see the second, too.
                    _ = try await self.service(of: first, seeing: 1, firstHost, firstDHT)
                    let (here, there) = (services[0], services[1])
                    async let firstGoes = first.leave(here, for: gap)
                    async let secondGoes = second.leave(there, for: gap)
                    var goes = await [firstGoes, secondGoes]
                    // Each may have seen the other about to leave, and stayed; whoever tries again goes.
                    if goes == [false, false] { goes[0] = await first.leave(services[0], for: gap) }
                    #expect(goes.count { $0 } == 1)
                    let states = await [first.record?.state, second.record?.state]
                    #expect(states == goes.map { $0 ? .draining : .online })
                    // Now it is alone with its blocks.
                    let (left, service) = goes[0] ? (second, services[1]) : (first, services[0])
                    #expect(await left.leave(service, for: gap) == false)
                    #expect(await left.record?.state == .online)
                    for server in [first, second] { await server.drain() }
                    try await group.waitForAll()
                }
            }
        }
    }

    /// What an online server consists of, once it has found so many others.
    private func service(
        of server: BlockServer,
        seeing count: Int,
        _ host: Host,
        _ dht: DHT
    ) async throws -> BlockServer.Service {
        guard case .online(let service) = await server.phase else { throw CancellationError() }
        let survey = SwarmSurvey(host: host, dht: dht, description: service.description)
        while await survey.take().count < count { await Task.yield() }
        return service
    }

    @Test func `a server that chooses drains while it waits for others`() async throws {
        try await self.withNode { host, dht in
            var configuration = try Self.choosing()
            configuration.settleTime = .seconds(1)
            let server = try self.server(host, dht, configuration)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await server.run() }
                for await event in server.events {
                    guard case .chose = event else { continue }
                    await server.drain()
                    break
                }
                try await group.waitForAll()
            }
            #expect(await server.state == .stopped)
        }
    }
}
