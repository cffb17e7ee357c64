import NIOCore
import P2PCore
import P2PWire
import Synchronization
import Testing

@testable import ShardProtocol

/// Two hops of which the first pushes to the second, and a coordinator.
@Suite(.timeLimit(.minutes(1))) struct PushStreamTests {
    private struct Chain: Sendable {
        let coordinator: Host
        let hops: [Host]
        let streams: [InferenceStream]
        let blocks: BlockRange

        func request(_ operation: StepExtension.Operation, _ hop: UInt64, _ number: UInt32) -> InferenceRequest {
            let step = StepExtension(operation: operation, blocks: self.blocks, step: number, logits: .none)
            let payload = InferenceRequest.Payload.tokenIDs(operation == .step ? [number] : [])
            return InferenceRequest(
                sessionID: SessionID(rawValue: hop),
                position: .start,
                payload: payload,
                step: step
            )
        }

        /// Opens the way from the first hop to the second.
        func open(_ number: UInt32, broke: @escaping @Sendable () -> Void) async throws {
            var taking = self.request(.open, 1, number)
            taking.step?.predecessor = self.hops[0].peerID
            #expect(try await self.streams[1].send(taking).code == .ok)
            var giving = self.request(.open, 0, number)
            giving.step?.successor = PushTarget(
                peer: PeerInfo(id: self.hops[1].peerID, addresses: self.hops[1].listenAddresses),
                session: SessionID(rawValue: 1),
                blocks: self.blocks,
                maxTokens: 16
            )
            let answer = try await self.streams[0].open(giving, broke: broke)
            #expect(answer.code == .ok, "\(answer.error ?? "")")
        }
    }

    /// What each hop was asked for goes to `arrived`: which hop, and the number of the step.
    private func withChain(
        _ arrived: @escaping @Sendable (Int, UInt32) -> Void = { _, _ in },
        _ body: @Sendable (Chain) async throws -> Void
    ) async throws {
        let loopback = [try Multiaddr("/ip4/127.0.0.1/tcp/0")]
        let blocks = try BlockRange(0, 2)
        let activations = try Activations(tokens: 1, halves: [0x3c00, 0, 0, 0])
        try await withHost(Host.Configuration(listenAddresses: loopback)) { first in
            try await withHost(Host.Configuration(listenAddresses: loopback)) { second in
                for (index, hop) in [first, second].enumerated() {
                    serveInferenceStreams(on: hop, limit: 8) { _, request in
                        arrived(index, request.step?.step ?? 0)
                        return InferenceResponse(
                            sessionID: request.sessionID,
                            kind: .hiddenStates,
                            activations: activations,
                            step: ReplyExtension(code: .ok)
                        )
                    }
                }
                try await withHost(Host.Configuration()) { host in
                    var streams: [InferenceStream] = []
                    for hop in [first, second] {
                        let peer = PeerInfo(id: hop.peerID, addresses: hop.listenAddresses)
                        streams.append(try await InferenceStream(to: peer, over: host))
                    }
                    let chain = Chain(coordinator: host, hops: [first, second], streams: streams, blocks: blocks)
                    try await body(chain)
                    for stream in streams { stream.end() }
                }
            }
        }
    }

    /// Has the first hop run a step that goes on, and says whether it did.
    private static func push(_ number: UInt32, over chain: Chain) async throws -> Bool {
        var request = chain.request(.step, 0, number)
        request.step?.push = [number]
        let (answers, answered) = AsyncStream.makeStream(of: Bool.self)
        chain.streams[1].expect(number) { result in
            if case .success(let response) = result { answered.yield(response.code == .ok) }
            answered.finish()
        }
        guard try await chain.streams[0].send(request).step?.isUnpushed == false else {
            chain.streams[1].forget(number)
            return false
        }
        return await answers.first { _ in true } ?? false
    }

    @Test func `a way that breaks is told of at once, and can be opened again`() async throws {
        try await self.withChain { chain in
            for round in UInt32(0)..<3 {
                let (breaks, broke) = AsyncStream.makeStream(of: Never.self)
                try await chain.open(.max - 1 - round) { broke.finish() }
                #expect(try await Self.push(2 * round, over: chain))
                await chain.hops[1].disconnect(chain.hops[0].peerID)
                for await _ in breaks {}
                // The steps themselves go on.
                #expect(try await Self.push(2 * round + 1, over: chain) == false)
            }
        }
    }

    @Test func `steps that are given up take no places of those that come`() async throws {
        try await self.withChain { chain in
            try await chain.open(.max - 1) {}
            for number in 1000..<UInt32(1000 + 2 * Limits.outstandingSteps) {
                chain.streams[1].expect(number) { _ in Issue.record("it comes to an end") }
                chain.streams[1].forget(number)
            }
            #expect(try await Self.push(0, over: chain))
        }
    }

    @Test func `a hop is refused over whichever stream its coordinator says so`() async throws {
        try await self.withChain { chain in
            let (breaks, broke) = AsyncStream.makeStream(of: Never.self)
            try await chain.open(.max - 1) { broke.finish() }
            #expect(try await Self.push(0, over: chain))
            let peer = PeerInfo(id: chain.hops[1].peerID, addresses: [])
            let another = try await InferenceStream(to: peer, over: chain.coordinator)
            var step = chain.request(.step, 1, 1)
            step.step?.refusesPushes = true
            #expect(try await another.send(step).code == .ok)
            for await _ in breaks {}
            another.end()
        }
    }

    @Test func `of a way that another took the place of, nothing more is heard`() async throws {
        let told = Mutex<[Int]>([])
        try await self.withChain { chain in
            let (breaks, broke) = AsyncStream.makeStream(of: Never.self)
            try await chain.open(.max - 1) { told.withLock { $0.append(1) } }
            try await chain.open(.max - 2) {
                told.withLock { $0.append(2) }
                broke.finish()
            }
            #expect(try await Self.push(0, over: chain))
            await chain.hops[1].disconnect(chain.hops[0].peerID)
            for await _ in breaks {}
        }
        #expect(told.withLock { $0 } == [2])
    }

    @Test func `whoever pushed loses the right to with a step that says so`() async throws {
        let arrivals = Mutex<[UInt32]>([])
        try await self.withChain { hop, number in
            if hop == 1 { arrivals.withLock { $0.append(number) } }
        } _: { chain in
            let (breaks, broke) = AsyncStream.makeStream(of: Never.self)
            try await chain.open(.max - 1) { broke.finish() }
            #expect(try await Self.push(0, over: chain))
            var own = chain.request(.step, 1, 1)
            own.step?.refusesPushes = true
            #expect(try await chain.streams[1].send(own).code == .ok)
            // The stream on which it pushed is gone, and another gets it nowhere.
            for await _ in breaks {}
            #expect(try await Self.push(2, over: chain) == false)
            var forged = chain.request(.step, 1, 3)
            forged.step?.coordinator = chain.coordinator.peerID
            try await Self.expectRefusal(of: forged, over: chain)
            #expect(arrivals.withLock { $0 } == [0, 1])
            // Until it is let in again.
            try await chain.open(.max - 2) {}
            #expect(try await Self.push(4, over: chain))
        }
    }

    @Test func `a session is pushed to over one stream, and a stream pushes to one session`() async throws {
        try await self.withChain { chain in
            let (breaks, broke) = AsyncStream.makeStream(of: Never.self)
            try await chain.open(.max - 1) { broke.finish() }
            #expect(try await Self.push(0, over: chain))
            let other = try await InferenceStream(
                to: PeerInfo(id: chain.hops[1].peerID, addresses: []),
                over: chain.coordinator
            )
            var taking = chain.request(.open, 2, .max - 1)
            taking.step?.predecessor = chain.hops[0].peerID
            #expect(try await other.send(taking).code == .ok)

            // A second stream takes the place of the first.
            let peer = PeerInfo(id: chain.hops[1].peerID, addresses: chain.hops[1].listenAddresses)
            let stream = try await chain.hops[0].openStream(PushTarget.protocolID, to: peer, isExpected: true)
            var step = chain.request(.step, 1, 7)
            step.step?.coordinator = chain.coordinator.peerID
            try await stream.writeFrame(step.encoded())
            for await _ in breaks {}
            // What is of another session ends it.
            step.sessionID = SessionID(rawValue: 2)
            try await stream.writeFrame(step.encoded())
            await #expect(throws: P2PError.self) { try await stream.read() }
            other.end()
        }
    }

    private static func expectRefusal(of step: InferenceRequest, over chain: Chain) async throws {
        let peer = PeerInfo(id: chain.hops[1].peerID, addresses: chain.hops[1].listenAddresses)
        let stream = try await chain.hops[0].openStream(PushTarget.protocolID, to: peer, isExpected: true)
        try await stream.writeFrame(step.encoded())
        await #expect(throws: P2PError.self) { try await stream.read() }
    }
}
