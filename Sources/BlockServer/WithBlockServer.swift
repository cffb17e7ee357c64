public import Kademlia
public import Model
public import P2PCore

/// Serves blocks while `body` does its work, and leaves the network in good order when `body` returns.
///
/// `body` begins once the blocks are online and, where there is a DHT, announced: from then on others find them.
///
/// - Parameters:
///   - host: As for ``BlockServer/init(host:dht:model:configuration:)``; likewise `dht` and `model`.
///   - body: Is given the server, whose events have been used up.
/// - Throws: ``BlockServerError`` when the blocks cannot be served; what `body` throws.
@discardableResult
public func withBlockServer<Value: Sendable>(
    host: Host,
    dht: DHT?,
    model: ModelDirectory,
    configuration: BlockServer.Configuration,
    _ body: (BlockServer) async throws -> Value
) async throws -> Value {
    let server = try BlockServer(host: host, dht: dht, model: model, configuration: configuration)
    // Cancelled where this function ends by an error.
    async let serving: Void = server.run()
    guard await server.isReady(announced: dht != nil) else {
        try await serving
        throw CancellationError()
    }
    let value = try await body(server)
    await server.drain()
    try await serving
    return value
}

extension BlockServer {
    /// Waits until the server is online and, where `announced` asks for it, announced.
    ///
    /// - Returns: whether it came so far, rather than stopping before.
    fileprivate nonisolated func isReady(announced needsAnnouncement: Bool) async -> Bool {
        var (isOnline, isAnnounced) = (false, !needsAnnouncement)
        for await event in self.events {
            switch event {
            case .online: isOnline = true
            case .announced: isAnnounced = true
            case .chose: isAnnounced = !needsAnnouncement
            case .moving, .loading, .testing, .draining, .stopped: break
            }
            if isOnline, isAnnounced { return true }
        }
        return false
    }
}
