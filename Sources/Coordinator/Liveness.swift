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
        // Most are answered before.
        try await pause(for: max(.zero, Limits.pingInterval - start.duration(to: .now)))
        while await self.isAlive(peer, since: start) {
            try Task.checkCancellation()
            if let deadline, start.duration(to: .now) >= deadline { return .late }
        }
        throw Silent()
    }

    /// Pings `peer`, and tells after ``Limits/pingInterval``, or as soon as there is no hope, whether it shows signs of life:
    /// any frame is one, a pong is only one of them.
    ///
    /// - Parameter start: since when something has been expected of it.
    func isAlive(_ peer: PeerID, since start: ContinuousClock.Instant) async -> Bool {
        let left = Limits.silence - self.silence(of: peer, since: start)
        // Whoever seems silent already may have been asked nothing while this process stood still.
        let patience = left > .zero ? min(left, Limits.pingInterval) : Limits.pingInterval
        let begin = ContinuousClock.now
        await withDiscardingTaskGroup { group in
            group.addTask { _ = try? await self.ping(peer) }
            try? await pause(for: patience)
            group.cancelAll()
        }
        // Whoever overslept has not read yet what came meanwhile.
        let hasOverslept = begin.duration(to: .now) > patience + Limits.pingInterval
        return hasOverslept || self.silence(of: peer, since: start) < Limits.silence
    }

    private func silence(of peer: PeerID, since start: ContinuousClock.Instant) -> Duration {
        let waited = start.duration(to: .now)
        return self.lastFrameAge(of: peer).map { min($0, waited) } ?? waited
    }
}
