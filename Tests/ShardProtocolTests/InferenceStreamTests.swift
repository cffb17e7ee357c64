import NIOCore
import P2PCore
import P2PWire
import Synchronization
import Testing

@testable import ShardProtocol

@Suite struct InferenceStreamTests {
    typealias Answer = @Sendable (PeerID, InferenceRequest) async -> InferenceResponse

    /// Two hosts over loopback, of which the second serves `answer`.
    private func withService(
        limit: Int = 8,
        _ answer: @escaping Answer,
        _ body: @Sendable (Host, PeerInfo) async throws -> Void
    ) async throws {
        let loopback = [try Multiaddr("/ip4/127.0.0.1/tcp/0")]
        try await withHost(Host.Configuration(listenAddresses: loopback)) { server in
            serveInferenceStreams(on: server, limit: limit, answer)
            try await withHost(Host.Configuration()) { client in
                try await body(client, PeerInfo(id: server.peerID, addresses: server.listenAddresses))
            }
        }
    }

    /// A step of a session, told from others by its number.
    private static func step(
        _ number: UInt32,
        of session: UInt64 = 12345,
        _ operation: StepExtension.Operation = .step
    ) throws -> InferenceRequest {
        InferenceRequest(
            sessionID: SessionID(rawValue: session),
            position: .start,
            payload: .tokenIDs([number]),
            step: StepExtension(operation: operation, blocks: try BlockRange(0, 2), step: number)
        )
    }

    /// An answer that tells which step it answers by what the session holds.
    private static func answer(to request: InferenceRequest) -> InferenceResponse {
        InferenceResponse(
            sessionID: request.sessionID,
            kind: .hiddenStates,
            activations: .none,
            step: ReplyExtension(code: .ok, have: request.step?.step ?? 0)
        )
    }

    // MARK: Bytes

    @Test func `writes the published bytes`() throws {
        var step = try InferenceRequestTests.hidden()
        step.sessionID = SessionID(rawValue: 12345)
        step.step = StepExtension(blocks: try BlockRange(4, 12), step: 3, maxTokens: 300, logits: .none)
        #expect(try Self.framed(step.encoded()) == Golden.bytes("stream-step"))
        step.payload = .tokenIDs([])
        step.step?.operation = .cancel
        #expect(try Self.framed(step.encoded()) == Golden.bytes("stream-cancel"))
        let answer = InferenceResponse(
            sessionID: SessionID(rawValue: 12345),
            kind: .hiddenStates,
            activations: try Activations(shape: [1, 1, 4], data: ByteBuffer(bytes: InferenceRequestTests.halves)),
            step: ReplyExtension(code: .ok, step: 3, have: 8, queueMicroseconds: 1200, computeMicroseconds: 45000)
        )
        #expect(try Self.framed(answer.encoded()) == Golden.bytes("stream-answer"))
        #expect(try InferenceResponse(decoding: answer.encoded()) == answer)
    }

    @Test func `writes the published bytes of pushes`() throws {
        let first = try Identity(seed: [UInt8](repeating: 1, count: 32)).peerID
        let second = try Identity(seed: [UInt8](repeating: 2, count: 32)).peerID
        var open = InferenceRequest(
            sessionID: SessionID(rawValue: 12345),
            position: .start,
            payload: .tokenIDs([]),
            step: StepExtension(operation: .open, blocks: try BlockRange(4, 12), step: .max - 1, logits: .none)
        )
        open.step?.predecessor = first
        open.step?.successor = PushTarget(
            peer: PeerInfo(id: second, addresses: [try Multiaddr("/ip4/10.0.0.2/tcp/4801")]),
            session: SessionID(rawValue: 67890),
            blocks: try BlockRange(12, 24),
            maxTokens: 300
        )
        try Self.expect(open, "stream-open")
        open.step?.predecessor = nil
        try Self.expect(open, "stream-open-to")
        var step = try InferenceRequestTests.hidden()
        step.sessionID = SessionID(rawValue: 12345)
        step.step = StepExtension(blocks: try BlockRange(4, 12), step: 3, maxTokens: 300, logits: .final(3))
        step.step?.push = [5, 700]
        try Self.expect(step, "stream-step-pushed")
        var refusing = step
        refusing.step?.push = []
        refusing.step?.refusesPushes = true
        try Self.expect(refusing, "stream-step-refusing")
        step.sessionID = SessionID(rawValue: 67890)
        step.step?.blocks = try BlockRange(12, 24)
        step.step?.step = 5
        step.step?.push = [700]
        step.step?.coordinator = first
        try Self.expect(step, "push")
        var answer = InferenceResponse(
            sessionID: SessionID(rawValue: 12345),
            kind: .hiddenStates,
            activations: try Activations(shape: [1, 1, 4], data: ByteBuffer(bytes: InferenceRequestTests.halves)),
            step: ReplyExtension(code: .ok, step: 3, have: 8, queueMicroseconds: 1200, computeMicroseconds: 45000)
        )
        answer.step?.isUnpushed = true
        #expect(try Self.framed(answer.encoded()) == Golden.bytes("stream-answer-unpushed"))
        #expect(try InferenceResponse(decoding: answer.encoded()) == answer)
        let refusal = InferenceResponse.failure(
            "the next hop cannot be reached from here",
            step: ReplyExtension(code: .unreachable, step: .max - 1)
        )
        #expect(try Self.framed(refusal.encoded()) == Golden.bytes("stream-answer-unreachable"))
        #expect(try InferenceResponse(decoding: refusal.encoded()) == refusal)
    }

    private static func expect(_ request: InferenceRequest, _ golden: String) throws {
        #expect(try Self.framed(request.encoded()) == Golden.bytes(golden), "\(golden)")
        #expect(try InferenceRequest(decoding: request.encoded()) == request, "\(golden)")
    }

    private static func framed(_ message: ByteBuffer) -> ByteBuffer {
        var frame = ByteBuffer()
        frame.writeUVarintPrefixed(message.readableBytesView)
        return frame
    }

    // MARK: Steps

    @Test func `every answer finds its step, in whatever order they come`() async throws {
        let gates = (0..<4).map { _ in AsyncStream.makeStream(of: Never.self) }
        try await self.withService { _, request in
            // Each waits for the one after it.
            let number = Int(request.step?.step ?? 0)
            if number < 3 { for await _ in gates[number + 1].stream {} }
            gates[number].continuation.finish()
            return Self.answer(to: request)
        } _: { host, peer in
            let stream = try await InferenceStream(to: peer, over: host)
            let answers = try await withThrowingTaskGroup(of: (UInt32, UInt32?).self) { group in
                for number in UInt32(0)..<4 {
                    group.addImmediateTask { (number, try await stream.send(Self.step(number)).step?.have) }
                }
                return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
            #expect(answers == [0: 0, 1: 1, 2: 2, 3: 3])
        }
    }

    @Test func `steps reach their session in the order in which they were sent, from whom Noise proved`() async throws {
        let arrivals = Mutex<[(peer: PeerID, step: UInt32)]>([])
        try await self.withService { peer, request in
            arrivals.withLock { $0.append((peer, request.step?.step ?? 0)) }
            return Self.answer(to: request)
        } _: { host, peer in
            let stream = try await InferenceStream(to: peer, over: host)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in UInt32(0)..<12 {
                    group.addImmediateTask { _ = try await stream.send(Self.step(number)) }
                }
                try await group.waitForAll()
            }
            #expect(arrivals.withLock { $0.map(\.step) } == Array(0..<12))
            #expect(arrivals.withLock { $0.allSatisfy { $0.peer == host.peerID } })
        }
    }

    @Test func `a small step does not overtake a large one that has to wait to be written`() async throws {
        let arrivals = Mutex<[UInt32]>([])
        try await self.withService { _, request in
            arrivals.withLock { $0.append(request.step?.step ?? .max) }
            return Self.answer(to: request)
        } _: { host, peer in
            let stream = try await InferenceStream(to: peer, over: host)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in UInt32(0)..<8 {
                    var step = try Self.step(number)
                    // Too much to be sent without a wait.
                    let halves = [UInt16](repeating: 0, count: 300 * 1024)
                    if number % 3 == 1 { step.payload = .hiddenStates(try Activations(tokens: 300, halves: halves)) }
                    let request = step
                    group.addImmediateTask { _ = try await stream.send(request) }
                }
                try await group.waitForAll()
            }
            #expect(arrivals.withLock { $0 } == Array(0..<8))
        }
    }

    @Test func `answers that are too much to be sent at once all arrive, with those that are not`() async throws {
        try await self.withService { _, request in
            guard let step = request.step?.step, step.isMultiple(of: 2),
                let large = try? Activations(tokens: 300, halves: [UInt16](repeating: UInt16(step), count: 300 * 1024))
            else { return Self.answer(to: request) }
            return InferenceResponse(
                sessionID: request.sessionID,
                kind: .hiddenStates,
                activations: large,
                step: ReplyExtension(code: .ok, have: step)
            )
        } _: { host, peer in
            let stream = try await InferenceStream(to: peer, over: host)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in UInt32(0)..<8 {
                    group.addImmediateTask {
                        let answer = try await stream.send(Self.step(number))
                        #expect(answer.step?.have == number)
                        #expect(answer.activations.halves.count == (number.isMultiple(of: 2) ? 300 * 1024 : 0))
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test func `a step that is cancelled is taken back by its number, and the stream goes on`() async throws {
        let (arrivals, arrived) = AsyncStream.makeStream(of: Never.self)
        let (cancellations, cancelled) = AsyncStream.makeStream(of: UInt32.self)
        let (endings, ended) = AsyncStream.makeStream(of: Never.self)
        try await self.withService { _, request in
            switch (request.step?.operation, request.step?.step) {
            case (.cancel, let number?): cancelled.yield(number)
            case (_, 1):
                arrived.finish()
                for await number in cancellations where number == 1 { break }
                ended.finish()
            default: break
            }
            return Self.answer(to: request)
        } _: { host, peer in
            let stream = try await InferenceStream(to: peer, over: host)
            let first = try Self.step(1)
            let result = await withTaskGroup(of: ShardError.Code?.self) { group in
                group.addTask {
                    do throws(ShardError) {
                        _ = try await stream.send(first)
                        return nil
                    } catch {
                        return error.code
                    }
                }
                for await _ in arrivals {}
                group.cancelAll()
                return await group.next() ?? nil
            }
            #expect(result == .cancelled)
            for await _ in endings {}
            #expect(try await stream.send(Self.step(2)).step?.have == 2)
        }
    }

    @Test func `a caller that does not wait for answers is stopped`() async throws {
        let running = Mutex((now: 0, most: 0))
        let (arrivals, arrived) = AsyncStream.makeStream(of: Void.self)
        let (releases, release) = AsyncStream.makeStream(of: Void.self)
        try await self.withService { _, request in
            running.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) }
            arrived.yield()
            for await _ in releases { break }
            running.withLock { $0.now -= 1 }
            return Self.answer(to: request)
        } _: { host, peer in
            let stream = try await host.openStream(InferenceStream.protocolID, to: peer)
            for number in UInt32(0)..<40 { try await stream.writeFrame(Self.step(number).encoded()) }
            var count = 0
            for await _ in arrivals {
                count += 1
                // The first answers leave only when as many steps as may be are waiting.
                if count >= Limits.outstandingSteps { release.yield() }
                if count == 40 { break }
            }
            release.finish()
            for _ in 0..<40 { _ = try await stream.readFrame(limit: 1000) }
            #expect(running.withLock { $0.most } == Limits.outstandingSteps)
        }
    }

    // MARK: Endings

    @Test func `steps on their way are answered after the last one was sent`() async throws {
        let (arrivals, arrived) = AsyncStream.makeStream(of: Never.self)
        let (releases, release) = AsyncStream.makeStream(of: Never.self)
        try await self.withService { _, request in
            arrived.finish()
            for await _ in releases {}
            return Self.answer(to: request)
        } _: { host, peer in
            let stream = try await InferenceStream(to: peer, over: host)
            async let answer = stream.send(Self.step(5))
            for await _ in arrivals {}
            stream.end()
            release.finish()
            #expect(try await answer.step?.have == 5)
            await #expect(throws: ShardError.self) { try await stream.send(Self.step(6)) }
        }
    }

    @Test func `every step fails at once when the stream breaks`() async throws {
        try await self.withService { _, _ in
            await Self.untilCancelled()
            return .failure("too late")
        } _: { host, peer in
            let stream = try await InferenceStream(to: peer, over: host)
            await withTaskGroup(of: ShardError.Code?.self) { group in
                for number in UInt32(0)..<3 {
                    group.addImmediateTask {
                        do {
                            _ = try await stream.send(Self.step(number))
                            return nil
                        } catch {
                            return (error as? ShardError)?.code
                        }
                    }
                }
                await host.disconnect(peer.id)
                for await code in group { #expect(code == .unreachable) }
            }
            #expect(!stream.isUsable)
        }
    }

    @Test(arguments: ["another session", "no extension", "no message"])
    func `bytes that have no place on a stream reset it`(what: String) async throws {
        let calls = Mutex(0)
        try await self.withService { _, request in
            calls.withLock { $0 += 1 }
            return Self.answer(to: request)
        } _: { host, peer in
            let stream = try await host.openStream(InferenceStream.protocolID, to: peer)
            try await stream.writeFrame(Self.step(0).encoded())
            _ = try await stream.readFrame(limit: 1000)
            switch what {
            case "another session": try await stream.writeFrame(Self.step(1, of: 54321).encoded())
            case "no extension": try await stream.writeFrame(InferenceRequestTests.tokens.encoded())
            default: try await stream.writeFrame(ByteBuffer(bytes: [0xc1]))
            }
            await #expect {
                _ = try await stream.readFrame(limit: 1000)
            } throws: {
                ($0 as? P2PError)?.code == .streamReset
            }
            #expect(calls.withLock { $0 } == 1)
        }
    }

    @Test func `one peer cannot take all places`() async throws {
        try await self.withService(limit: 4) { _, request in
            Self.answer(to: request)
        } _: { host, peer in
            let first = try await InferenceStream(to: peer, over: host)
            _ = try await first.send(Self.step(0))
            let second = try await InferenceStream(to: peer, over: host)
            await #expect(throws: ShardError.self) { try await second.send(Self.step(0, of: 2)) }
            #expect(try await first.send(Self.step(1)).step?.have == 1)
        }
    }

    private static func untilCancelled() async {
        let (nothing, source) = AsyncStream.makeStream(of: Never.self)
        for await _ in nothing {}
        source.finish()
    }
}
