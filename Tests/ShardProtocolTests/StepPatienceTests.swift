import P2PCore
import P2PWire
import Testing

@testable import ShardProtocol

/// Steps whose sender does not wait for them for ever.
@Suite(.timeLimit(.minutes(1))) struct StepPatienceTests {
    /// Long enough that nothing here outlasts it.
    private let long = Duration.seconds(3600)
    private let short = Duration.milliseconds(1)

    /// A stream to a hop that answers step 0 when its gate is open, all others at once, and tells what it is sent.
    private func withStream(
        _ body: (
            _ stream: InferenceStream,
            _ gate: AsyncStream<Never>.Continuation,
            _ server: Host,
            _ operations: AsyncStream<StepExtension.Operation?>
        ) async throws -> Void
    ) async throws {
        let (gate, opening) = AsyncStream.makeStream(of: Never.self)
        let (operations, told) = AsyncStream.makeStream(of: StepExtension.Operation?.self)
        let loopback = [try Multiaddr("/ip4/127.0.0.1/tcp/0")]
        try await withHost(Host.Configuration(listenAddresses: loopback)) { server in
            serveInferenceStreams(on: server, limit: 8) { _, request in
                told.yield(request.step?.operation)
                if request.step?.step == 0, request.step?.operation == .step { for await _ in gate {} }
                return InferenceResponse(
                    sessionID: request.sessionID,
                    kind: .hiddenStates,
                    activations: .none,
                    step: ReplyExtension(code: .ok, have: request.step?.step ?? .max)
                )
            }
            try await withHost(Host.Configuration()) { host in
                let peer = PeerInfo(id: server.peerID, addresses: server.listenAddresses)
                try await body(try await InferenceStream(to: peer, over: host), opening, server, operations)
                opening.finish()
            }
        }
    }

    private func step(_ number: UInt32) throws -> InferenceRequest {
        InferenceRequest(
            sessionID: SessionID(rawValue: 12345),
            position: .start,
            payload: .tokenIDs([number]),
            step: StepExtension(blocks: try BlockRange(0, 2), step: number)
        )
    }

    @Test func `an answer that comes in time is all there is`() async throws {
        try await self.withStream { stream, gate, _, _ in
            gate.finish()
            for number in UInt32(0)...1 {
                let answer = try await stream.send(self.step(number), patience: self.long)
                #expect(answer?.step?.have == number)
            }
        }
    }

    @Test func `who has waited long enough hears so, and waits on`() async throws {
        try await self.withStream { stream, gate, _, _ in
            let step = try self.step(0)
            let early = try await stream.send(step, patience: self.short)
            #expect(early == nil)
            async let answer = stream.answer(to: step)
            gate.finish()
            let have = try await answer.step?.have
            #expect(have == 0)
        }
    }

    @Test func `an answer that came while nobody waited is kept`() async throws {
        try await self.withStream { stream, gate, _, _ in
            let answer = try await stream.send(self.step(0), patience: self.short)
            #expect(answer == nil)
            gate.finish()
            // Whoever answers this one has written the other answer before, or writes it now.
            while try await stream.send(self.step(1), patience: self.long) == nil {}
            #expect(try await stream.answer(to: self.step(0)).step?.have == 0)
        }
    }

    @Test func `each step has its own patience, though one timer looks after all`() async throws {
        try await self.withStream { stream, gate, _, _ in
            // Its timer is of no use to the others.
            let answer = try await stream.send(self.step(1), patience: self.long)
            #expect(answer?.step?.have == 1)
            let early = try await stream.send(self.step(0), patience: self.short)
            #expect(early == nil)
            let next = try await stream.send(self.step(2), patience: self.long)
            #expect(next?.step?.have == 2)
            gate.finish()
            let late = try await stream.answer(to: self.step(0))
            #expect(late.step?.have == 0)
        }
    }

    @Test func `a step that is given up meanwhile is taken back`() async throws {
        try await self.withStream { stream, _, _, operations in
            let step = try self.step(0)
            #expect(try await stream.send(step, patience: self.short) == nil)
            let error = await withTaskGroup(of: ShardError?.self) { group in
                group.cancelAll()
                group.addTask {
                    do throws(ShardError) { _ = try await stream.answer(to: step) } catch { return error }
                    return nil
                }
                return await group.next() ?? nil
            }
            #expect(error?.code == .cancelled)
            var told = operations.makeAsyncIterator()
            #expect(await told.next() == .step)
            #expect(await told.next() == .cancel)
        }
    }

    @Test func `a stream that breaks while nobody waits tells whoever comes back`() async throws {
        try await self.withStream { stream, _, server, operations in
            let answer = try await stream.send(self.step(0), patience: self.short)
            #expect(answer == nil)
            // Before that, the hop may not know of the connection yet.
            for await _ in operations { break }
            #expect(!server.connectedPeers.isEmpty)
            for peer in server.connectedPeers { await server.disconnect(peer) }
            let error = await #expect(throws: ShardError.self) { _ = try await stream.answer(to: self.step(0)) }
            #expect(error?.code == .unreachable)
            let late = await #expect(throws: ShardError.self) { _ = try await stream.answer(to: self.step(0)) }
            #expect(late?.code == .unreachable)
        }
    }
}
