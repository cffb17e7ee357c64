import Foundation
import Subprocess
import Testing

/// Peers that come and go while a test runs.
struct Fleet: Sendable {
    /// One place in the fleet: a range, held by one process after the other.
    struct Place: Sendable {
        var index: Int
        var range: String
    }

    private struct Start: Sendable {
        var arguments: [String]
        var proxy: Proxy?
        var online: AsyncStream<PeerProcess>.Continuation
    }

    private let home: Home
    private let namespaces: Namespaces?
    private let starts: AsyncStream<Start>.Continuation

    /// Runs `body` with a fleet that has no peers yet; those that it starts are gone at the end.
    static func run(home: Home, namespaces: Namespaces?, _ body: (Fleet) async throws -> Void) async throws {
        let (requests, starts) = AsyncStream.makeStream(of: Start.self, bufferingPolicy: .unbounded)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                await withDiscardingTaskGroup { peers in
                    for await start in requests { peers.addTask { await Self.serve(start, home: home) } }
                    peers.cancelAll()
                }
            }
            defer { starts.finish() }
            try await body(Fleet(home: home, namespaces: namespaces, starts: starts))
        }
    }

    /// Starts a peer with an identity of its own and waits until it is online; without namespaces behind a proxy.
    func start(_ place: Place, join entrance: PeerProcess?) async throws -> PeerProcess {
        if let peer = try await self.launch(place, join: entrance) { return peer }
        // Somebody may have taken the port behind the proxy before the peer did.
        return try #require(await self.launch(place, join: entrance), "the peer ended before it was online")
    }

    private func launch(_ place: Place, join entrance: PeerProcess?) async throws -> PeerProcess? {
        let host = self.namespaces?.host(place.index) ?? "127.0.0.1"
        let proxy = self.namespaces == nil ? try Proxy() : nil
        let identity = "\(self.home.path)/\(UUID().uuidString).key"
        let arguments =
            (self.namespaces?.command(place.index) ?? []) + [
                "\(Program.path)", "serve", "--json", "--blocks", place.range, "--identity", identity,
                "--listen", "/ip4/\(host)/tcp/\(proxy?.backend ?? 0)",
            ] + (proxy.map { ["--announce", "/ip4/\(host)/tcp/\($0.port)"] } ?? [])
            + (entrance.map { ["--bootstrap", $0.address] } ?? [])
        let (peers, online) = AsyncStream.makeStream(of: PeerProcess.self, bufferingPolicy: .bufferingNewest(1))
        self.starts.yield(Start(arguments: arguments, proxy: proxy, online: online))
        return await peers.first { _ in true }
    }

    /// What goes to a peer and comes from it is lost, or held back, from now on; nobody is told.
    func cut(_ peer: PeerProcess, at place: Place) async {
        if let namespaces = self.namespaces { await namespaces.cut(place.index) } else { peer.proxy?.hold() }
    }

    func mend(_ peer: PeerProcess, at place: Place) async {
        if let namespaces = self.namespaces { await namespaces.mend(place.index) } else { peer.proxy?.letGo() }
    }

    private static func serve(_ start: Start, home: Home) async {
        do {
            let outcome = try await Subprocess.run(
                .name("env"),
                arguments: Arguments(start.arguments),
                environment: home.environment,
                input: .none,
                output: .sequence,
                error: .string(limit: 1 << 20)
            ) { execution in
                // Cancelled at the end of the test, stopped or not.
                defer { kill(execution.processIdentifier.value, SIGKILL) }
                struct Event: Decodable {
                    var event: String
                    var addresses: [String]?
                }
                var address: String?
                for try await line in execution.standardOutput.strings() {
                    guard let event = try? JSONDecoder().decode(Event.self, from: Data(line.utf8)) else { continue }
                    address = event.addresses?.first ?? address
                    guard event.event == "online", let address else { continue }
                    start.online.yield(
                        PeerProcess(
                            identifier: execution.processIdentifier,
                            address: address,
                            proxy: start.proxy
                        )
                    )
                }
            }
            if let code = outcome.terminationStatus.exitCode, code != 0 { print(outcome.standardError) }
        } catch {}
        start.proxy?.close()
        start.online.finish()
    }
}
