import Metrics
import MetricsTestKit
import Model
import P2PWire
import ShardProtocol
import Testing

@testable import BlockServer

/// What a server's sessions count; each test counts for itself.
@Suite struct ServerMetricsTests {
    private let metrics = TestMetrics()
    private let peer = Identity().peerID
    private static let kvMemory = 1 << 24

    private func sessions(_ model: ModelDirectory) throws -> Sessions {
        try withMetricsFactory(self.metrics) {
            Sessions(
                try LoadedRange(model, range: 0..<TinyModel.blockCount, threads: 1),
                range: try BlockRange(0, TinyModel.blockCount),
                kvMemory: Self.kvMemory,
                speed: SpeedMeter(),
                compute: ComputeQueue(label: "test")
            )
        }
    }

    private func gauge(_ name: String) throws -> Double? { try self.metrics.expectMeter(name).lastValue }

    @Test func `sessions and their memory are counted while they are open`() async throws {
        let sessions = try self.sessions(TinyModel.directory())
        let page = try TinyModel.loaded().kvBytesPerToken * KVCache.pageTokens
        let requests = try (UInt64(1)...2).map { try TestSession(id: $0, 0, 4) }
        for (count, session) in requests.enumerated() {
            #expect(await sessions.answer(self.peer, session.tokens([1], at: 0, step: 0)).code == .ok)
            #expect(try self.gauge("kwaai_sessions") == Double(count + 1))
            #expect(try self.gauge("kwaai_kv_reserved_bytes") == Double((count + 1) * page))
            #expect(try self.gauge("kwaai_kv_free_bytes") == Double(Self.kvMemory - (count + 1) * page))
        }
        for session in requests { _ = await sessions.answer(self.peer, session.close()) }
        #expect(try self.gauge("kwaai_sessions") == 0)
        #expect(try self.gauge("kwaai_kv_reserved_bytes") == 0)
        #expect(try self.gauge("kwaai_kv_free_bytes") == Double(Self.kvMemory))
        let answers = try self.metrics.expectCounter("kwaai_steps_total", [("code", "ok")])
        #expect(answers.totalValue == 4)
    }

    @Test func `numbers that leave the range of f16 are counted`() async throws {
        let sessions = try self.sessions(TinyModel.loudDirectory())
        let session = try TestSession(0, 4)
        let counter = try self.metrics.expectCounter("kwaai_saturations_total")
        for (position, token) in [UInt32(1), 5, 9].enumerated() {
            let request = session.tokens([token], at: UInt32(position), step: UInt32(position))
            #expect(await sessions.answer(self.peer, request).code == .ok)
        }
        // More than one pass met some, and none counts those of another.
        #expect(counter.values.count > 1)
        #expect(counter.totalValue == Int64(sessions.loaded.saturationCount))
    }

    @Test func `numbers within the range of f16 are not`() async throws {
        let sessions = try self.sessions(TinyModel.directory())
        #expect(await sessions.answer(self.peer, try TestSession(0, 4).tokens([1], at: 0, step: 0)).code == .ok)
        #expect(try self.metrics.expectCounter("kwaai_saturations_total").values.isEmpty)
    }
}
