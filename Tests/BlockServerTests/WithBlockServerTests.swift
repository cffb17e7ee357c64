import Model
import P2PCore
import P2PWire
import ShardProtocol
import Testing

@testable import BlockServer

@Suite struct WithBlockServerTests {
    private static func serve<Value: Sendable>(
        _ range: String,
        _ body: (BlockServer) async throws -> Value
    ) async throws -> Value {
        let (model, serving) = (try TinyModel.directory(), BlockServer.Configuration(range: try BlockRange(range)))
        let listening = Host.Configuration(listenAddresses: [try Multiaddr("/ip4/127.0.0.1/tcp/0")])
        return try await withHost(listening) { host in
            try await withBlockServer(host: host, dht: nil, model: model, configuration: serving, body)
        }
    }

    @Test func `is online in the body and has stopped after it`() async throws {
        let server = try await Self.serve("0..4") { server in
            #expect(await server.state == .online)
            return server
        }
        #expect(await server.state == .stopped)
    }

    @Test func `an error of the body comes out, and stops the server`() async throws {
        struct Failure: Error {}
        var served: BlockServer?
        await #expect(throws: Failure.self) {
            try await Self.serve("0..4") { server in
                served = server
                throw Failure()
            }
        }
        #expect(await served?.state == .stopped)
    }

    @Test func `a range that cannot be served is an error, and the body does not begin`() async throws {
        let error = await #expect(throws: BlockServerError.self) {
            try await Self.serve("2..5") { _ in Issue.record("nothing is served") }
        }
        #expect(error?.code == .wrongRange)
    }
}
