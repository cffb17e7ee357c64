import NIOCore
import P2PWire
import Synchronization
import Testing

@testable import P2PCore

@Suite(.timeLimit(.minutes(1))) struct PerfServiceTests {
    private static let long = Duration.seconds(30)

    /// Limits that no test meets unless it lowers one.
    private static func limits(_ change: (inout PerfLimits) -> Void = { _ in }) -> PerfLimits {
        var limits = PerfLimits.none
        change(&limits)
        return limits
    }

    @Test(arguments: [0, 1, 65_535, 65_537, 5_000_000] as [UInt64])
    func `moves exactly as many bytes as were asked for, each way`(count: UInt64) async throws {
        try await withTwoHosts { server, client, peer in
            server.servePerf(.none)
            let heard = Mutex<UInt64>(0)
            let extent = PerfExtent(bytes: count, duration: Self.long)
            let upload = try await client.measureUpload(to: peer, extent) { sent in heard.withLock { $0 = sent } }
            #expect(upload.bytes == count)
            #expect(upload.duration > .zero)
            #expect(heard.withLock { $0 } == count)
            let download = try await client.measureDownload(from: peer, extent) { got in heard.withLock { $0 = got } }
            #expect(download.bytes == count)
            #expect(heard.withLock { $0 } == count)
        }
    }

    @Test func `sends what was wished for after what came has ended`() async throws {
        try await withTwoHosts { server, client, peer in
            server.servePerf(.none)
            let stream = try await client.openStream(.perf, to: peer)
            // The wish may come in pieces, and the first of the rest with it.
            try await stream.write(ByteBuffer(bytes: [0, 0, 0, 0, 0]))
            try await stream.write(ByteBuffer(bytes: [1, 0, 1, 99, 99, 99]))
            try await stream.closeWrite()
            #expect(try await stream.read(exactly: 65_537).readableBytes == 65_537)
            #expect(try await stream.read() == nil)
        }
    }

    @Test func `a measurement whose time is up ends, and costs the connection nothing`() async throws {
        try await withTwoHosts { server, client, peer in
            server.servePerf(.none)
            let extent = PerfExtent(bytes: .max, duration: .zero)
            #expect(try await client.measureUpload(to: peer, extent).bytes == 0)
            let download = try await client.measureDownload(from: peer, extent)
            #expect(download.bytes > 0)
            #expect(client.connectionCount(with: peer.id) == 1)
            #expect(try await client.ping(peer.id) > .zero)
        }
    }

    @Test func `resets who sends or wishes for more than a measurement may move`() async throws {
        try await withTwoHosts { server, client, peer in
            server.servePerf(Self.limits { $0.bytes = 100_000 })
            let most = PerfExtent(bytes: 100_000, duration: Self.long)
            _ = try await client.measureUpload(to: peer, most)
            _ = try await client.measureDownload(from: peer, most)
            let more = PerfExtent(bytes: 100_001, duration: Self.long)
            await #expect(throws: P2PError.self) { try await client.measureUpload(to: peer, more) }
            await #expect(throws: P2PError.self) { try await client.measureDownload(from: peer, more) }
            // A measurement that was cut off gives its permit back.
            _ = try await client.measureDownload(from: peer, most)
        }
    }

    @Test func `stops when the bytes of the hour are used up`() async throws {
        try await withTwoHosts { server, client, peer in
            server.servePerf(Self.limits { $0.hourlyBytes = 100_000 })
            let half = PerfExtent(bytes: 50_000, duration: Self.long)
            _ = try await client.measureUpload(to: peer, half)
            _ = try await client.measureDownload(from: peer, half)
            let one = PerfExtent(bytes: 1, duration: Self.long)
            await #expect(throws: P2PError.self) { try await client.measureUpload(to: peer, one) }
            await #expect(throws: P2PError.self) { try await client.measureDownload(from: peer, one) }
        }
    }

    @Test func `resets who takes longer than a measurement may`() async throws {
        try await withTwoHosts { server, client, peer in
            server.servePerf(Self.limits { $0.duration = .milliseconds(20) })
            await #expect(throws: P2PError.self) {
                let stream = try await client.openStream(.perf, to: peer)
                try await stream.write(ByteBuffer(integer: UInt64(0)))
                _ = try await stream.read()
            }
        }
    }

    @Test func `serves one measurement of a peer at a time`() async throws {
        try await withTwoHosts { server, client, peer in
            server.servePerf(.anybody)
            // A download that nobody reads holds its permit.
            let first = try await client.openStream(.perf, to: peer)
            try await first.write(ByteBuffer(integer: PerfLimits.anybody.bytes))
            try await first.closeWrite()
            #expect(try await first.read() != nil)
            let extent = PerfExtent(bytes: 1, duration: Self.long)
            await #expect(throws: P2PError.self) { try await client.measureUpload(to: peer, extent) }
        }
    }

    @Test func `a budget is full again after its hour`() {
        let start = NIODeadline.uptimeNanoseconds(0)
        var budget = PerfBudget(hourlyBytes: 10, now: start)
        let spends: [(Int, TimeAmount)] = [
            (7, .zero), (4, .minutes(59)), (3, .minutes(59)), (10, .hours(1)), (1, .hours(1)),
        ]
        let taken = spends.map { count, time in budget.spend(count, now: start + time) }
        #expect(taken == [true, false, true, true, false])
    }
}
