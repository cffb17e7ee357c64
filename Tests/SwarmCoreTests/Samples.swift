import P2PWire
import ShardProtocol

@testable import SwarmCore

/// Peers, steps and records that tests talk about.
enum Samples {
    static func peer(_ number: UInt8) throws -> PeerID {
        try Identity(seed: [UInt8](repeating: number, count: 32)).peerID
    }

    /// Peers in the order in which planners compare them.
    static func peers(_ count: Int) throws -> [PeerID] {
        try (0..<UInt8(count)).map { try Self.peer($0) }.sorted()
    }

    static func key(_ number: UInt8, session: UInt64 = 1) throws -> SessionKey {
        SessionKey(peer: try Self.peer(number), session: SessionID(rawValue: session))
    }

    static func step(
        _ id: UInt64,
        at position: Int,
        tokens: Int = 1,
        payload: Int = 0,
        blocks: (Int, Int) = (0, 4),
        number: UInt32? = nil,
        rollback: Bool = false,
        maxTokens: Int? = nil
    ) throws -> StepRequest {
        StepRequest(
            id: StepID(rawValue: id),
            position: position,
            tokenCount: tokens,
            payload: payload,
            blocks: try BlockRange(blocks.0, blocks.1),
            number: number,
            rollback: rollback,
            maxTokens: maxTokens
        )
    }

    static func record(
        _ range: (Int, Int),
        of blockCount: Int = 24,
        blocksPerSecond: Double = 1000,
        fingerprint: UInt8 = 1,
        digest: UInt8 = 1,
        extensions: [String] = ["x/1"],
        pushes: Bool = false
    ) throws -> NodeRecord {
        let range = try BlockRange(range.0, range.1)
        return NodeRecord(
            modelName: "demo",
            modelKey: try ModelKey(bytes: [UInt8](repeating: 0, count: 16)),
            fingerprint: [UInt8](repeating: fingerprint, count: 32),
            range: range,
            blockCount: blockCount,
            blockDigests: range.indices.map { [UInt8(truncatingIfNeeded: $0), digest] },
            weightFormat: "f16",
            numerics: 1,
            state: .online,
            blocksPerSecond: blocksPerSecond,
            freeKVBytes: 1 << 30,
            protocols: pushes ? [InferenceStream.protocolID.name, PushTarget.protocolID.name] : [],
            extensions: extensions,
            version: "test",
            sequence: 1,
            expiry: UnixTime(seconds: 0)
        )
    }
}
