import Kademlia
import Model
import NIOCore
import P2PCore
import P2PWire
import ShardProtocol
import Testing

@testable import BlockServer

@Suite struct BlockServerTests {
    private static func hostConfiguration() throws -> Host.Configuration {
        Host.Configuration(listenAddresses: [try Multiaddr("/ip4/127.0.0.1/tcp/0")])
    }

    private static func configuration(_ range: String) throws -> BlockServer.Configuration {
        var configuration = BlockServer.Configuration(range: try BlockRange(range))
        configuration.threads = 1
        configuration.drainTimeout = .seconds(1)
        return configuration
    }

    private static func server(_ range: String, on host: Host) throws -> BlockServer {
        try BlockServer(host: host, dht: nil, model: TinyModel.directory(), configuration: Self.configuration(range))
    }

    /// A server on a host of its own, online while `body` runs.
    private func withServer(_ range: String, _ body: (BlockServer, PeerInfo) async throws -> Void) async throws {
        let (model, configuration) = (try TinyModel.directory(), try Self.configuration(range))
        try await withHost(Self.hostConfiguration()) { host in
            try await withBlockServer(host: host, dht: nil, model: model, configuration: configuration) { server in
                try await body(server, PeerInfo(id: host.peerID, addresses: host.listenAddresses))
            }
        }
    }

    private static func waitUntilOnline(_ server: BlockServer) async {
        for await event in server.events {
            if case .online = event { return }
        }
    }

    @Test func `two servers and a caller give the same bits as one process`() async throws {
        try await self.withServer("0..3") { _, front in
            try await self.withServer("1..4") { _, back in
                try await withHost(Self.hostConfiguration()) { host in
                    let client = InferenceClient(host: host)
                    let (head, tail) = (try TestSession(id: 1, 0, 2), try TestSession(id: 2, 2, 4))
                    var last: [UInt16] = []
                    for (index, token) in [UInt32(1), 5, 9].enumerated() {
                        let position = UInt32(index)
                        let states = try await client.send(
                            head.tokens([token], at: position, step: position),
                            to: front,
                            timeout: .seconds(30)
                        )
                        let logits = try await client.send(
                            tail.hidden(states.activations, at: position, step: position),
                            to: back,
                            timeout: .seconds(30)
                        )
                        last = logits.activations.halves
                    }
                    let loaded = try TinyModel.loaded()
                    let expected = try loaded.forward(
                        .tokens([1, 5, 9]),
                        blocks: loaded.range,
                        at: 0,
                        cache: loaded.makeCache(),
                        output: .logits(.last)
                    )
                    #expect(last == expected)
                    for (session, peer) in [(head, front), (tail, back)] {
                        let closed = try await client.send(session.close(), to: peer, timeout: .seconds(30))
                        #expect(closed.code == .ok)
                    }
                }
            }
        }
    }

    /// The prompt in chunks of one token, all of them on their way before the first is answered, then a decode step.
    @Test func `steps sent one behind the other on a stream give the bits of one process`() async throws {
        try await self.withServer("0..4") { _, peer in
            try await withHost(Self.hostConfiguration()) { host in
                let stream = try await InferenceStream(to: peer, over: host)
                let session = try TestSession(0, 4)
                let prompt: [UInt32] = [1, 5, 9, 2, 7, 3]
                let codes = try await withThrowingTaskGroup(of: ReplyCode.self) { group in
                    for (index, token) in prompt.enumerated() {
                        let position = UInt32(index)
                        let step = session.tokens([token], at: position, step: position, logits: .none)
                        group.addImmediateTask { try await stream.send(step).code }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(codes == [ReplyCode](repeating: .ok, count: prompt.count))
                let last = try await stream.send(session.tokens([4], at: 6, step: 6))
                let loaded = try TinyModel.loaded()
                let expected = try loaded.forward(
                    .tokens(prompt + [4]),
                    blocks: loaded.range,
                    at: 0,
                    cache: loaded.makeCache(),
                    output: .logits(.last)
                )
                #expect(last.activations.halves == expected)
                #expect(try await stream.send(session.close()).code == .ok)
                stream.end()
            }
        }
    }

    @Test func `says what it is over the network`() async throws {
        try await self.withServer("1..3") { server, peer in
            try await withHost(Self.hostConfiguration()) { host in
                let records = try await fetchNodeRecords(from: peer, over: host, now: .now(), timeout: .seconds(30))
                let record = try #require(records.first?.record)
                #expect(record.state == .online)
                #expect(record.modelName == "tiny")
                #expect(record.range == (try BlockRange("1..3")))
                #expect(record.blockDigests == (try TinyModel.loaded(1..<3).blockDigests))
                #expect(record.speaksStepExtension)
                #expect(record.speaksStreams)
                #expect(record.blocksPerSecond > 0)
                #expect(record.freeKVBytes == UInt64(server.configuration.kvMemory))
                let later = try await fetchNodeRecords(from: peer, over: host, now: .now(), timeout: .seconds(30))
                #expect(try #require(later.first).record.sequence > record.sequence)
            }
        }
    }

    @Test func `is warming up until it is online`() async throws {
        try await withHost(Self.hostConfiguration()) { host in
            let server = try Self.server("0..4", on: host)
            let session = try TestSession(0, 4)
            let answer = await server.answer(host.peerID, session.tokens([1], at: 0, step: 0))
            #expect(answer.error == "node warming up \u{2014} model loading in background")
            #expect(answer.code == .warmingUp)
            #expect(await server.state == .created)
            #expect(await server.record == nil)
        }
    }

    @Test func `drains: says so, refuses new sessions, and ends`() async throws {
        try await withHost(Self.hostConfiguration()) { host in
            let server = try Self.server("0..4", on: host)
            let session = try TestSession(0, 4)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await server.run() }
                await Self.waitUntilOnline(server)
                #expect(await server.answer(host.peerID, session.tokens([1], at: 0, step: 0)).code == .ok)
                #expect(await server.sessionCount == 1)
                group.addTask { await server.drain() }
                while await server.state == .online { await Task.yield() }
                #expect(await server.record?.state == .draining)
                let fresh = try TestSession(id: 2, 0, 4).tokens([1], at: 0, step: 0)
                #expect(await server.answer(host.peerID, fresh).code == .draining)
                #expect(await server.answer(host.peerID, session.tokens([2], at: 1, step: 1)).code == .ok)
                #expect(await server.answer(host.peerID, session.close()).code == .ok)
                try await group.waitForAll()
            }
            #expect(await server.state == .stopped)
            #expect(await server.answer(host.peerID, session.tokens([3], at: 2, step: 2)).code == .draining)
        }
    }

    @Test func `runs once`() async throws {
        try await self.withServer("0..4") { server, _ in
            await #expect {
                try await server.run()
            } throws: {
                ($0 as? BlockServerError)?.code == .alreadyRunning
            }
        }
    }

    @Test func `a range beyond the model is refused, naming its blocks`() async throws {
        let host = Host(configuration: try Self.hostConfiguration())
        #expect {
            try Self.server("2..5", on: host)
        } throws: {
            ($0 as? BlockServerError)?.message.contains("has 4 blocks") ?? false
        }
    }

    @Test func `is found through the DHT`() async throws {
        let (model, configuration) = (try TinyModel.directory(), try Self.configuration("0..4"))
        try await withHost(Self.hostConfiguration()) { host in
            try await withDHT(host: host) { dht in
                try await withBlockServer(host: host, dht: dht, model: model, configuration: configuration) { _ in
                    try await withHost(Self.hostConfiguration()) { other in
                        let reader = DHT(host: other, configuration: .init(bootstrap: host.dialAddresses))
                        _ = try await reader.bootstrap()
                        let model = try ModelKey(bytes: model.modelKey)
                        for key in Announcement.keys(model: model, blockCount: TinyModel.blockCount) {
                            #expect(try await reader.providers(of: key).map(\.id) == [host.peerID])
                        }
                    }
                }
            }
        }
    }
}
