import NIOCore
import Synchronization

/// One attempt to connect to one address, which a cancelled task takes back.
///
/// A name may stand for several IP addresses, and then for several sockets, of which one wins.
final class DialAttempt: Sendable {
    private struct State {
        var sockets: [ObjectIdentifier: (channel: any Channel, established: EventLoopFuture<Connection>)] = [:]
        var isCancelled = false
    }

    private let state = Mutex(State())

    /// A socket exists and starts to connect.
    func began(_ channel: any Channel, _ established: EventLoopFuture<Connection>) {
        let isCancelled = self.state.withLock { state in
            state.sockets[ObjectIdentifier(channel)] = (channel, established)
            return state.isCancelled
        }
        if isCancelled { channel.close(promise: nil) }
    }

    /// The connection that is made of a socket once it has connected.
    func connection(over channel: any Channel) async throws -> Connection {
        let socket = self.state.withLock { $0.sockets[ObjectIdentifier(channel)] }
        guard let socket else {
            throw P2PError(.dialFailed, "the connection ended before its handshake began")
        }
        return try await socket.established.get()
    }

    func cancel() {
        let sockets = self.state.withLock { state in
            state.isCancelled = true
            return state.sockets.values.map(\.channel)
        }
        for channel in sockets { channel.close(promise: nil) }
    }
}
