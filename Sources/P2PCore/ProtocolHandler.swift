import P2PWire

/// What a host does with the inbound streams of one protocol.
final class ProtocolHandler: Sendable {
    let protocolID: ProtocolID
    private let body: @Sendable (PeerStream) async throws -> Void

    init(protocolID: ProtocolID, body: @escaping @Sendable (PeerStream) async throws -> Void) {
        self.protocolID = protocolID
        self.body = body
    }

    /// Serves one stream, and ends it: gracefully after success, by a reset after a failure. Its permit is free again
    /// then, even if the stream lingers until the remote ends its direction.
    func serve(_ stream: PeerStream, _ permit: consuming Reservation) async {
        defer { withExtendedLifetime(permit) {} }
        do {
            try await self.body(stream)
            await stream.close()
        } catch {
            stream.reset()
        }
    }
}
