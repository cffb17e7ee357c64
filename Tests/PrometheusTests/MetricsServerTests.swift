import CoreMetrics
import NIOCore
import NIOPosix
import Testing

@testable import Prometheus

@Suite(.timeLimit(.minutes(1))) struct MetricsServerTests {
    @Test(arguments: ["9100", "127.0.0.1:9100", "[::1]:9100", "127.1.2.3:0"])
    func `ports of this machine are taken`(text: String) throws {
        #expect(try MetricsAddress(text).socketAddress.port != nil)
    }

    @Test(arguments: ["0.0.0.0:9100", "192.168.1.7:9100", "[::]:9100", "[2001:db8::1]:9100"])
    func `an address that others can reach is refused`(text: String) {
        #expect { try MetricsAddress(text) } throws: { "\($0)".contains("other machines") }
    }

    @Test(arguments: ["", "x", "70000", "-1", "example.org:9100", "127.0.0.1:", ":9100"])
    func `what is no port is refused`(text: String) {
        #expect { try MetricsAddress(text) } throws: { "\($0)".contains("give one like 9100") }
    }

    /// What a server answers to some bytes, until it closes the connection.
    private func answer(to request: String) async throws -> String {
        let registry = PrometheusRegistry()
        Counter(label: "kwaai_test_total", factory: registry).increment(by: 7)
        let server = MetricsServer(registry, at: try MetricsAddress("0"))
        let (ports, port) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .bufferingNewest(1))
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run { port.yield($0) } }
            defer { group.cancelAll() }
            let open = try #require(await ports.first { _ in true })
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(host: "127.0.0.1", port: open) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                    }
                }
            return try await channel.executeThenClose { inbound, outbound in
                try await outbound.write(ByteBuffer(string: request))
                var text = ""
                for try await bytes in inbound { text += String(buffer: bytes) }
                return text
            }
        }
    }

    @Test func `numbers are told to whoever asks on this machine`() async throws {
        let answer = try await self.answer(to: "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:9100\r\n\r\n")
        #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(answer.contains("content-type: text/plain; version=0.0.4"))
        #expect(answer.hasSuffix("\r\n\r\n# TYPE kwaai_test_total counter\nkwaai_test_total 7\n"))
    }

    @Test(arguments: [
        ("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "404"),
        ("POST /metrics HTTP/1.1\r\nHost: [::1]:80\r\ncontent-length: 0\r\n\r\n", "405"),
        // A page whose name its owner has made to mean this machine.
        ("GET /metrics HTTP/1.1\r\nHost: evil.example:9100\r\n\r\n", "403"),
        ("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1.evil.example\r\n\r\n", "403"),
        ("nonsense\r\n\r\n", "400"),
    ]) func `anything else is refused`(request: String, status: String) async throws {
        let answer = try await self.answer(to: request)
        #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(answer)")
        #expect(!answer.contains("kwaai_test_total"))
    }
}
