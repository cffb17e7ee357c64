public import P2PCore

/// Joins the swarm on `host`, keeps the node in it while `body` does its work, and ends its upkeep.
///
/// - Throws: ``DHTError`` when bootstrap addresses are configured and none of them answers; what `body` throws.
@discardableResult
public func withDHT<Value: Sendable>(
    host: Host,
    configuration: DHT.Configuration = DHT.Configuration(),
    _ body: (DHT) async throws -> Value
) async throws -> Value {
    let dht = DHT(host: host, configuration: configuration)
    // Cancelled and awaited where this function ends.
    async let _ = dht.run()
    if !configuration.bootstrap.isEmpty { _ = try await dht.bootstrap() }
    return try await body(dht)
}
