import NIOCore
import P2PCore
import P2PWire
import ShardProtocol
import SwarmCore
import Synchronization
import Testing

@testable import Coordinator

/// A coordinator against block servers that lie.
@Suite(.timeLimit(.minutes(1))) struct RemoteSpanTests {
    private let hidden = 8
    private let vocabulary = 16

    /// What a span of one token makes of the answers of a peer.
    private func outcome(
        isLast: Bool = false,
        before: (Host, PeerID) async throws -> Void = { _, _ in },
        _ answer: @escaping @Sendable (InferenceRequest) -> InferenceResponse
    ) async throws -> Result<StepTiming, CoordinatorError> {
        let server = Host.Configuration(
            identity: Identity(),
            listenAddresses: [try Multiaddr("/ip4/127.0.0.1/tcp/0")]
        )
        return try await withHost(server) { server in
            serveInference(on: server, limit: 4) { _, request in answer(request) }
            let peer = PeerInfo(id: server.peerID, addresses: server.listenAddresses)
            return try await withHost(Host.Configuration(identity: Identity())) { host in
                try await before(host, peer.id)
                let span = RemoteSpan(
                    peer: peer,
                    blocks: try BlockRange(0, 4),
                    speaksExtension: true,
                    isLastOfChain: isLast,
                    maximumTokens: 4,
                    model: RemoteSpan.Shape(hiddenSize: self.hidden, vocabularySize: self.vocabulary),
                    host: host
                )
                do throws(CoordinatorError) {
                    let step = SpanStep(.tokens([1]), number: 0, at: 0, wantsLogits: isLast)
                    return .success(try await span.step(step, deadline: nil).timing)
                } catch {
                    return .failure(error)
                }
            }
        }
    }

    private func response(
        to request: InferenceRequest,
        _ halves: [UInt16],
        kind: InferenceResponse.Kind = .hiddenStates,
        step: ReplyExtension = ReplyExtension(code: .ok)
    ) -> InferenceResponse {
        InferenceResponse(
            sessionID: request.sessionID,
            kind: kind,
            activations: (try? Activations(tokens: 1, halves: halves)) ?? .none,
            step: step
        )
    }

    @Test func `a peer that could not be reached a moment ago is dialled all the same`() async throws {
        let closed = try Multiaddr("/ip4/127.0.0.1/tcp/1")
        let outcome = try await self.outcome(
            before: { host, peer in
                await #expect(throws: P2PError.self) {
                    try await host.connect(to: PeerInfo(id: peer, addresses: [closed]))
                }
            },
            { request in self.response(to: request, [UInt16](repeating: 0, count: self.hidden)) }
        )
        _ = try outcome.get()
    }

    @Test func `a step that goes back says that it means to`() async throws {
        let asked = Mutex<[Bool?]>([])
        let server = Host.Configuration(identity: Identity(), listenAddresses: [try Multiaddr("/ip4/127.0.0.1/tcp/0")])
        try await withHost(server) { server in
            serveInference(on: server, limit: 4) { _, request in
                asked.withLock { $0.append(request.step?.rollback) }
                let tokens = request.payload.tokenCount ?? 0
                return InferenceResponse(
                    sessionID: request.sessionID,
                    kind: .hiddenStates,
                    activations: (try? Activations(tokens: tokens, halves: [UInt16](repeating: 0, count: 8 * tokens)))
                        ?? .none,
                    step: ReplyExtension(code: .ok)
                )
            }
            let peer = PeerInfo(id: server.peerID, addresses: server.listenAddresses)
            try await withHost(Host.Configuration(identity: Identity())) { host in
                let span = RemoteSpan(
                    peer: peer,
                    blocks: try BlockRange(0, 4),
                    speaksExtension: true,
                    isLastOfChain: false,
                    maximumTokens: 16,
                    model: RemoteSpan.Shape(hiddenSize: self.hidden, vocabularySize: self.vocabulary),
                    host: host
                )
                for goesBack in [false, true] {
                    var step = SpanStep(.tokens([1]), number: goesBack ? 1 : 0, at: 3, wantsLogits: false)
                    step.goesBack = goesBack
                    _ = try await span.step(step, deadline: nil)
                }
            }
        }
        #expect(asked.withLock { $0 } == [false, true])
    }

    @Test func `a peer that claims to have computed for ages is believed as long as we waited`() async throws {
        let clock = ContinuousClock()
        let start = clock.now
        let timing = try await self.outcome { request in
            let step = ReplyExtension(code: .ok, queueMicroseconds: .max, computeMicroseconds: .max)
            return self.response(to: request, [UInt16](repeating: 0, count: self.hidden), step: step)
        }.get()
        #expect(timing.compute + timing.queue + timing.network <= clock.now - start)
    }

    @Test(arguments: [[UInt16](repeating: 0, count: 7), [UInt16](repeating: 0x7e00, count: 8), []])
    func `hidden states that lie are refused`(halves: [UInt16]) async throws {
        let outcome = try await self.outcome { request in self.response(to: request, halves) }
        #expect(throws: CoordinatorError.self) { try outcome.get() }
        if case .failure(let error) = outcome { #expect(error.code == .badReply) }
    }

    @Test(arguments: [
        [UInt16](repeating: 0, count: 17), [UInt16](repeating: 0x7c00, count: 16),
        Array(repeating: 0, count: 15) + [0xfe00],
    ])
    func `logits that lie are refused`(halves: [UInt16]) async throws {
        let outcome = try await self.outcome(isLast: true) { request in
            self.response(to: request, halves, kind: .logits)
        }
        if case .failure(let error) = outcome { #expect(error.code == .badReply) } else { Issue.record("accepted") }
    }

    @Test func `an answer for another session is refused`() async throws {
        let outcome = try await self.outcome { request in
            var response = self.response(to: request, [UInt16](repeating: 0, count: self.hidden))
            response.sessionID = SessionID(rawValue: request.sessionID.rawValue &+ 1)
            return response
        }
        if case .failure(let error) = outcome { #expect(error.code == .badReply) } else { Issue.record("accepted") }
    }
}
