import P2PWire
import Synchronization

/// What a host does with the inbound streams of one protocol, and how many of them at once.
final class ProtocolHandler: Sendable {
    let protocolID: ProtocolID
    let limit: Int
    let body: @Sendable (PeerStream) async throws -> Void
    private let running = Mutex(0)

    init(_ protocolID: ProtocolID, limit: Int, body: @escaping @Sendable (PeerStream) async throws -> Void) {
        self.protocolID = protocolID
        self.limit = limit
        self.body = body
    }

    /// Takes one of the permits; the caller gives it back by ``leave()``.
    func enter() -> Bool {
        self.running.withLock { running in
            guard running < self.limit else { return false }
            running += 1
            return true
        }
    }

    func leave() {
        self.running.withLock { $0 -= 1 }
    }

    /// Serves one stream for which a permit was taken, and ends it: gracefully after success, by a reset after a failure.
    func serve(_ stream: PeerStream) async {
        defer { self.leave() }
        do {
            try await self.body(stream)
            await stream.close()
        } catch {
            stream.reset()
        }
    }
}
