import Foundation
import Subprocess
import Testing

/// A `kwaai-swift serve` that is online.
struct PeerProcess: Sendable {
    let identifier: ProcessIdentifier
    /// Where it can be dialled, `/p2p/` included.
    let address: String
    /// Where it tells its numbers, when it was started with `--metrics-port`.
    var metricsPort: Int?
    /// Whom others dial in its place; nil where they dial the peer.
    var proxy: Proxy?

    func send(_ signal: Int32) {
        kill(self.identifier.value, signal)
    }
}

/// Runs one `serve` for each range while `body` runs: the first starts a network, the others join it.
func withPeers<Result: Sendable>(
    _ ranges: [String],
    home: Home,
    flags: [String] = [],
    _ body: ([PeerProcess]) async throws -> Result
) async throws -> Result {
    try await withPeers(ranges[...], online: [], home: home, flags: flags, body)
}

private func withPeers<Result: Sendable>(
    _ ranges: ArraySlice<String>,
    online: [PeerProcess],
    home: Home,
    flags: [String],
    _ body: ([PeerProcess]) async throws -> Result
) async throws -> Result {
    guard let range = ranges.first else { return try await body(online) }
    let bootstrap = online.first.map { ["--bootstrap", $0.address] } ?? []
    let identity = "\(home.path)/\(online.count)-\(range).key"
    let arguments = ["serve", "--json", "--blocks", range, "--listen", "/ip4/127.0.0.1/tcp/0", "--identity", identity]
    let outcome = try await Subprocess.run(
        .path(Program.path),
        arguments: Arguments(arguments + bootstrap + flags),
        environment: home.environment,
        input: .none,
        output: .sequence,
        error: .string(limit: 1 << 20)
    ) { execution in
        defer { kill(execution.processIdentifier.value, SIGTERM) }
        let (address, port) = try await untilOnline(
            execution.standardOutput,
            tellsNumbers: flags.contains("--metrics-port")
        )
        let peer = PeerProcess(identifier: execution.processIdentifier, address: address, metricsPort: port)
        return try await withPeers(ranges.dropFirst(), online: online + [peer], home: home, flags: flags, body)
    }
    return outcome.closureResult
}

/// Runs two `serve` with the same flags that start together: the second as soon as the first listens.
func withPair<Result: Sendable>(
    _ flags: [String],
    home: Home,
    _ body: ([PeerProcess]) async throws -> Result
) async throws -> Result {
    let serve = ["serve", "--json", "--listen", "/ip4/127.0.0.1/tcp/0"] + flags
    return try await Subprocess.run(
        .path(Program.path),
        arguments: Arguments(serve + ["--identity", "\(home.path)/first.key"]),
        environment: home.environment,
        input: .none,
        output: .sequence,
        error: .string(limit: 1 << 20)
    ) { first in
        defer { kill(first.processIdentifier.value, SIGTERM) }
        var firstLines = first.standardOutput.strings().makeAsyncIterator()
        let address = try await until("listening", &firstLines)
        return try await Subprocess.run(
            .path(Program.path),
            arguments: Arguments(serve + ["--identity", "\(home.path)/second.key", "--bootstrap", address]),
            environment: home.environment,
            input: .none,
            output: .sequence,
            error: .string(limit: 1 << 20)
        ) { second in
            defer { kill(second.processIdentifier.value, SIGTERM) }
            var secondLines = second.standardOutput.strings().makeAsyncIterator()
            let peers = [
                PeerProcess(identifier: first.processIdentifier, address: try await until("online", &firstLines)),
                PeerProcess(identifier: second.processIdentifier, address: try await until("online", &secondLines)),
            ]
            return try await body(peers)
        }.closureResult
    }.closureResult
}

/// Reads what `serve --json` says until it is online, and returns its address and the port of its numbers.
private func untilOnline(
    _ output: SubprocessOutputSequence,
    tellsNumbers: Bool
) async throws -> (address: String, port: Int?) {
    var lines = output.strings().makeAsyncIterator()
    var (address, port): (String?, Int?)
    var isOnline = false
    while let event = try await next(&lines) {
        address = event.addresses?.first ?? address
        port = event.port ?? port
        isOnline = isOnline || event.event == "online"
        if isOnline, !tellsNumbers || port != nil { return (try #require(address), port) }
    }
    Issue.record("the peer ended before it was online")
    throw CancellationError()
}

private struct ServeEvent: Decodable {
    var event: String
    var addresses: [String]?
    var port: Int?
}

private func next<Lines: AsyncIteratorProtocol>(_ lines: inout Lines) async throws -> ServeEvent?
where Lines.Element == String {
    try await lines.next(isolation: #isolation).map {
        try JSONDecoder().decode(ServeEvent.self, from: Data($0.utf8))
    }
}

/// Reads what `serve --json` says up to an event, and returns the address that it gives with it.
private func until<Lines: AsyncIteratorProtocol>(_ name: String, _ lines: inout Lines) async throws -> String
where Lines.Element == String {
    while let event = try await next(&lines) {
        if event.event == name { return try #require(event.addresses?.first) }
    }
    Issue.record("the peer ended before it was \(name)")
    throw CancellationError()
}

private struct Peers: Decodable {
    var peers: [Peer]
    struct Peer: Decodable {
        var blocks: String?
        var free_kv_bytes: UInt64?
    }
}

/// The bytes that each peer has left for sessions, by its blocks.
func freeMemory(_ peers: [PeerProcess], home: Home) async throws -> [String: UInt64] {
    let arguments = ["dht", "peers", "--json", "--bootstrap", peers[0].address]
    let listed = try await Program.run(arguments, home: home).json(as: Peers.self).peers
    return Dictionary(
        uniqueKeysWithValues: listed.compactMap { peer in
            guard let blocks = peer.blocks, let free = peer.free_kv_bytes else { return nil }
            return (blocks, free)
        }
    )
}
