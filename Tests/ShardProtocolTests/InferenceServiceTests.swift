import NIOCore
import P2PCore
import P2PWire
import Synchronization
import Testing

@testable import ShardProtocol

@Suite struct InferenceServiceTests {
    private static func configuration() throws -> Host.Configuration {
        Host.Configuration(listenAddresses: [try Multiaddr("/ip4/127.0.0.1/tcp/0")])
    }

    /// Two hosts over loopback, of which the second serves `answer`.
    private func withService(
        limit: Int = 4,
        _ answer: @escaping @Sendable (PeerID, InferenceRequest) async -> InferenceResponse,
        _ body: @Sendable (Host, PeerInfo) async throws -> Void
    ) async throws {
        try await withHost(Self.configuration()) { server in
            serveInference(on: server, limit: limit, answer)
            try await withHost(Self.configuration()) { client in
                try await body(client, PeerInfo(id: server.peerID, addresses: server.listenAddresses))
            }
        }
    }

    @Test func `a request reaches its answer and the caller is who Noise proved`() async throws {
        let caller = Mutex<PeerID?>(nil)
        try await self.withService { peer, request in
            caller.withLock { $0 = peer }
            return InferenceResponse(sessionID: request.sessionID, kind: .logits, activations: .none)
        } _: { host, peer in
            let client = InferenceClient(host: host)
            let response = try await client.send(InferenceRequestTests.tokens, to: peer, timeout: .seconds(30))
            #expect(response.sessionID == InferenceRequestTests.tokens.sessionID)
            #expect(caller.withLock { $0 } == host.peerID)
        }
    }

    @Test func `a caller that gives up cancels the answer`() async throws {
        let (arrivals, arrived) = AsyncStream.makeStream(of: Void.self)
        let (cancellations, cancelled) = AsyncStream.makeStream(of: Void.self)
        try await self.withService { _, _ in
            arrived.finish()
            await Self.untilCancelled()
            cancelled.finish()
            return .failure("too late")
        } _: { host, peer in
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    _ = try? await InferenceClient(host: host)
                        .send(InferenceRequestTests.tokens, to: peer, timeout: .seconds(60))
                }
                for await _ in arrivals {}
                group.cancelAll()
            }
            for await _ in cancellations {}
        }
    }

    @Test func `a peer that does not answer in time is told apart`() async throws {
        try await self.withService { _, _ in
            await Self.untilCancelled()
            return .failure("too late")
        } _: { host, peer in
            await #expect {
                try await InferenceClient(host: host)
                    .send(InferenceRequestTests.tokens, to: peer, timeout: .milliseconds(1))
            } throws: {
                ($0 as? ShardError)?.code == .timedOut
            }
        }
    }

    private static func untilCancelled() async {
        let (nothing, source) = AsyncStream.makeStream(of: Never.self)
        for await _ in nothing {}
        source.finish()
    }

    @Test func `one peer cannot take all places`() async throws {
        let (arrivals, arrived) = AsyncStream.makeStream(of: Void.self)
        let (releases, release) = AsyncStream.makeStream(of: Void.self)
        try await self.withService(limit: 2) { _, _ in
            arrived.yield()
            for await _ in releases {}
            return .failure("done")
        } _: { host, peer in
            let client = InferenceClient(host: host)
            async let first = client.send(InferenceRequestTests.tokens, to: peer, timeout: .seconds(30))
            for await _ in arrivals { break }
            await #expect {
                try await client.send(InferenceRequestTests.tokens, to: peer, timeout: .seconds(30))
            } throws: {
                ($0 as? ShardError)?.code == .unreachable
            }
            release.finish()
            let answer = try await first
            #expect(answer.error == "done")
        }
    }

    @Test func `bytes that are no request are answered with an error`() async throws {
        try await self.withService { _, _ in
            .failure("never asked")
        } _: { host, peer in
            let id = try CallID([UInt8](repeating: 7, count: 16))
            let stream = try await host.openStream(InferenceRequest.protocolID, to: peer)
            let call = UnaryFrame.call(id, callee: [], protocolID: "x", data: ByteBuffer(bytes: [0xc1]))
            try await stream.writeFrame(call.encoded())
            guard case .response(id, let message) = try UnaryFrame(decoding: await stream.readFrame(limit: 1000)) else {
                Issue.record("no response")
                return
            }
            #expect(try InferenceResponse(decoding: message).code == .badRequest)
        }
    }

    /// p2pd does nothing else when its own caller cancels.
    @Test func `a caller that ends its direction has given up`() async throws {
        let (cancellations, cancelled) = AsyncStream.makeStream(of: Void.self)
        try await self.withService { _, _ in
            await Self.untilCancelled()
            cancelled.finish()
            return .failure("too late")
        } _: { host, peer in
            let id = try CallID([UInt8](repeating: 7, count: 16))
            let stream = try await host.openStream(InferenceRequest.protocolID, to: peer)
            let data = InferenceRequestTests.tokens.encoded()
            try await stream.writeFrame(UnaryFrame.call(id, callee: [], protocolID: "x", data: data).encoded())
            try await stream.closeWrite()
            for await _ in cancellations {}
        }
    }

    @Test func `an answer beyond what may be sent becomes an error`() async throws {
        let large = ByteBuffer(repeating: 0, count: Limits.sentMessage)
        try await self.withService { _, request in
            guard let tensor = try? Activations(shape: [1, 1, UInt32(Limits.sentMessage / 2)], data: large) else {
                return .failure("no tensor")
            }
            return InferenceResponse(sessionID: request.sessionID, kind: .logits, activations: tensor)
        } _: { host, peer in
            let client = InferenceClient(host: host)
            let response = try await client.send(InferenceRequestTests.tokens, to: peer, timeout: .seconds(30))
            #expect(response.code == .tooLarge)
        }
    }

    @Test func `a request beyond what may be sent is not sent`() async throws {
        try await self.withService { _, _ in
            .failure("never asked")
        } _: { host, peer in
            var request = InferenceRequestTests.tokens
            request.payload = .tokenIDs([UInt32](repeating: 0, count: Limits.sentMessage / 4))
            await #expect {
                try await InferenceClient(host: host).send(request, to: peer, timeout: .seconds(30))
            } throws: {
                ($0 as? ShardError)?.code == .tooLarge
            }
        }
    }

    @Test func `a peer without the protocol is told apart from one that cannot be reached`() async throws {
        try await withHost(Self.configuration()) { other in
            try await withHost(Self.configuration()) { host in
                let peer = PeerInfo(id: other.peerID, addresses: other.listenAddresses)
                await #expect {
                    try await InferenceClient(host: host)
                        .send(InferenceRequestTests.tokens, to: peer, timeout: .seconds(30))
                } throws: {
                    ($0 as? ShardError)?.code == .unsupportedProtocol
                }
            }
        }
    }
}
