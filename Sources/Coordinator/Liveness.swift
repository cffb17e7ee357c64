package import P2PCore
package import P2PWire
import SwarmCore

/// No frame of any kind came from a peer for ``Limits/silence``.
struct Silent: Error, CustomStringConvertible {
    var description: String { "it has been silent for \(Limits.silence)" }
}

/// Somebody else runs the step now.
struct TakenOver: Error {}

/// What whoever waits for a peer learns.
private enum Sign<Result: Sendable>: Sendable {
    case result(Result)
    case late
    case nobodyElse
    case stillLate
}

extension Host {
    /// Runs `body`, which waits for `peer`, as long as that peer shows signs of life.
    ///
    /// Liveness is not a deadline (DESIGN.md §7): a slow peer that answers pings is waited for, a silent one is not.
    ///
    /// - Parameters:
    ///   - start: when it began; from then on the peer has been waited for.
    ///   - deadline: counted from there as well.
    /// - Throws: ``TakenOver`` when `deadline` has passed and others do what `body` was to do; what `body` throws.
    package func whileAlive<Result: Sendable>(
        _ peer: PeerID,
        since start: ContinuousClock.Instant = .now,
        deadline: StepDeadline? = nil,
        _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        try await withThrowingTaskGroup(of: Sign<Result>.self) { group in
            group.addTask { .result(try await body()) }
            group.addTask { try await self.watch(peer, since: start, until: deadline?.after) }
            defer { group.cancelAll() }
            while let sign = try await group.next() {
                switch sign {
                case .result(let result): return result
                case .late:
                    // Looking for others takes time, in which this peer is watched all the same.
                    group.addTask { try await self.watch(peer, since: start, until: nil) }
                    group.addTask { try await Self.passed(deadline) }
                case .nobodyElse:
                    let waited = start.duration(to: .now)
                    group.addTask {
                        try await pause(for: min(waited, SwarmCore.Limits.longestPatience))
                        return .stillLate
                    }
                case .stillLate: group.addTask { try await Self.passed(deadline) }
                }
            }
            throw CancellationError()
        }
    }

    private static func passed<Result: Sendable>(_ deadline: StepDeadline?) async throws -> Sign<Result> {
        if await deadline?.passed() ?? false { throw TakenOver() }
        return .nobodyElse
    }

    /// Pings `peer` again and again until `deadline` has passed since `start`.
    ///
    /// - Throws: ``Silent`` when nothing comes back.
    private func watch<Result: Sendable>(
        _ peer: PeerID,
        since start: ContinuousClock.Instant,
        until deadline: Duration?
    ) async throws -> Sign<Result> {
        let clock = ContinuousClock()
        var nextPing = start + Limits.pingInterval
        while true {
            try await pause(for: max(.zero, nextPing - clock.now))
            await self.pingOnce(peer)
            nextPing = clock.now + Limits.pingInterval
            let waited = clock.now - start
            if waited > Limits.silence, self.lastFrameAge(of: peer) ?? waited > Limits.silence { throw Silent() }
            if let deadline, waited >= deadline { return .late }
        }
    }

    /// Whether a frame of any kind has come from `peer` lately; it is pinged first.
    func isAlive(_ peer: PeerID) async -> Bool {
        await self.pingOnce(peer)
        return self.lastFrameAge(of: peer).map { $0 <= Limits.silence } ?? false
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
