import P2PCore
import P2PWire
import ShardProtocol
import SwarmCore
import Synchronization
import Testing

@testable import Coordinator

/// Steps that take longer than the moment for which nobody looks after their hop.
@Suite(.timeLimit(.minutes(1))) struct SlowHopTests {
    /// A span on a peer that answers step 1 only once it has been pinged so often.
    private func withSpan(
        answeringAfterPings pings: Int,
        _ body: (RemoteSpan) async throws -> Void
    ) async throws {
        let (gate, opening) = AsyncStream.makeStream(of: Never.self)
        // Nil before it has been asked for step 1.
        let pinged = Mutex<Int?>(nil)
        let loopback = [try Multiaddr("/ip4/127.0.0.1/tcp/0")]
        try await withHost(Host.Configuration(listenAddresses: loopback)) { server in
            serveInferenceStreams(on: server, limit: 4) { _, request in
                if request.step?.step == 1 {
                    pinged.withLock { $0 = 0 }
                    for await _ in gate {}
                }
                return InferenceResponse(
                    sessionID: request.sessionID,
                    kind: .hiddenStates,
                    activations: (try? Activations(tokens: 1, halves: [UInt16](repeating: 0, count: 8))) ?? .none,
                    step: ReplyExtension(code: .ok)
                )
            }
            server.handle("/ipfs/ping/1.0.0", limit: 4) { stream in
                let isEnough = pinged.withLock { count in
                    count = count.map { $0 + 1 }
                    return count.map { $0 >= pings } ?? false
                }
                if isEnough { opening.finish() }
                while let bytes = try await stream.read() { try await stream.write(bytes) }
            }
            try await withHost(Host.Configuration()) { host in
                let span = RemoteSpan(
                    peer: PeerInfo(id: server.peerID, addresses: server.listenAddresses),
                    blocks: try BlockRange(0, 4),
                    speaksExtension: true,
                    speaksStreams: true,
                    isLastOfChain: false,
                    maximumTokens: 4,
                    model: RemoteSpan.Shape(hiddenSize: 8, vocabularySize: 16),
                    host: host
                )
                // The first opens the stream.
                _ = try await span.step(self.step(0), deadline: nil)
                try await body(span)
            }
        }
    }

    private func step(_ number: UInt32) -> SpanStep {
        SpanStep(.tokens([1]), number: number, at: Int(number), wantsLogits: false)
    }

    @Test func `a hop that is slow is pinged, and its answer taken when it comes`() async throws {
        try await self.withSpan(answeringAfterPings: 2) { span in
            let answer = try await span.step(self.step(1), deadline: nil)
            // Without the pings there were none.
            #expect(answer.timing.network >= Limits.pingInterval)
        }
    }

    @Test func `a hop that is slow for longer than a dead one is silent is waited for`() async throws {
        let pings = Int(Limits.silence / Limits.pingInterval) + 2
        try await self.withSpan(answeringAfterPings: pings) { span in
            let answer = try await span.step(self.step(1), deadline: nil)
            #expect(answer.timing.network > Limits.silence)
        }
    }

    @Test func `a step that is late is told of once, and left when somebody else runs it`() async throws {
        try await self.withSpan(answeringAfterPings: .max) { span in
            let calls = Mutex(0)
            let deadline = StepDeadline(after: .zero) {
                calls.withLock { $0 += 1 }
                return true
            }
            let error = await #expect(throws: CoordinatorError.self) {
                _ = try await span.step(self.step(1), deadline: deadline)
            }
            #expect(error?.code == .peerLost)
            #expect(calls.withLock { $0 } == 1)
        }
    }

    @Test func `a step that is given up is over at once, though its hop answers nothing`() async throws {
        try await self.withSpan(answeringAfterPings: .max) { span in
            let error = await withTaskGroup(of: CoordinatorError?.self) { group in
                group.addImmediateTask {
                    do throws(CoordinatorError) { _ = try await span.step(self.step(1), deadline: nil) } catch {
                        return error
                    }
                    return nil
                }
                group.cancelAll()
                return await group.next() ?? nil
            }
            // Its peer has nothing to do with that.
            #expect(error?.code == .cancelled)
        }
    }
}
