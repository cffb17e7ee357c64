package import P2PCore
package import P2PWire

/// No frame of any kind came from a peer for ``Limits/silence``.
struct Silent: Error, CustomStringConvertible {
    var description: String { "it has been silent for \(Limits.silence)" }
}

extension Host {
    /// Runs `body`, which waits for `peer`, as long as that peer shows signs of life.
    ///
    /// Liveness is not a deadline (DESIGN.md §7): a slow peer that answers pings is waited for, a silent one is not.
    package func whileAlive<Result: Sendable>(
        _ peer: PeerID,
        _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                try await self.watch(peer)
                return nil
            }
            defer { group.cancelAll() }
            while let outcome = try await group.next() {
                if let outcome { return outcome }
            }
            throw CancellationError()
        }
    }

    /// Pings `peer` again and again.
    ///
    /// - Throws: ``Silent`` when nothing comes back.
    private func watch(_ peer: PeerID) async throws {
        let clock = ContinuousClock()
        let start = clock.now
        while true {
            try await pause(for: Limits.pingInterval)
            await self.pingOnce(peer)
            let waited = clock.now - start
            if waited > Limits.silence, self.lastFrameAge(of: peer) ?? waited > Limits.silence { throw Silent() }
        }
    }

    /// Waits for the answer for no longer than the interval: any frame counts as life, a pong is only one of them.
    private func pingOnce(_ peer: PeerID) async {
        await withTaskGroup { group in
            group.addTask { _ = try? await self.ping(peer) }
            group.addTask { try? await pause(for: Limits.pingInterval) }
            await group.next()
            group.cancelAll()
        }
    }
}
