import NIOCore
import P2PCore
import P2PWire
import Testing

@testable import ShardProtocol

/// How many round trips a call takes, counted at a gate that holds back what the callee says.
@Suite(.timeLimit(.minutes(1))) struct FlightTests {
    /// A host that serves steps, one that calls it through a relay, and the news of steps that have arrived whole.
    private func withRelay(
        _ body: @Sendable (_ caller: Host, _ callee: PeerInfo, Gate, AsyncStream<Void>) async throws -> Void
    ) async throws {
        let (arrivals, arrived) = AsyncStream.makeStream(of: Void.self)
        let listening = Host.Configuration(listenAddresses: [try Multiaddr("/ip4/127.0.0.1/tcp/0")])
        try await withHost(listening) { callee in
            serveInference(on: callee, limit: 4) { _, request in
                arrived.yield()
                return InferenceResponse(sessionID: request.sessionID, kind: .logits, activations: .none)
            }
            let port = callee.listenAddresses.first?.tcpEndpoint?.port ?? 0
            let relay = try await GatedRelay(to: Int(port))
            let address = try Multiaddr("/ip4/127.0.0.1/tcp/\(relay.port)")
            try await withHost(Host.Configuration()) { caller in
                try await body(caller, PeerInfo(id: callee.peerID, addresses: [address]), relay.gate, arrivals)
                relay.gate.open()
            }
            await relay.close()
        }
    }

    private func call(_ host: Host, _ peer: PeerInfo) async throws {
        _ = try await InferenceClient(host: host).send(InferenceRequestTests.tokens, to: peer, timeout: .seconds(30))
    }

    @Test func `a call on a connection that stands is one round trip`() async throws {
        try await self.withRelay { caller, callee, gate, arrivals in
            let events = caller.events
            try await caller.connect(to: callee)
            for await event in events where event == .identified(callee.id) { break }
            gate.shut()
            async let answer: Void = self.call(caller, callee)
            // The whole request is there, though nothing of the callee has come back.
            for await _ in arrivals { break }
            gate.open()
            try await answer
        }
    }

    @Test func `a first call to a peer is three round trips, that of TCP among them`() async throws {
        try await self.withRelay { caller, callee, gate, arrivals in
            gate.shut()
            // TCP's own handshake was the first.
            async let answer: Void = self.call(caller, callee)
            // The listener speaks its header at once; beyond 100 bytes its half of the Noise handshake is there.
            await gate.untilHeld(100)
            gate.open(once: true)
            for await _ in arrivals { break }
            gate.open()
            try await answer
        }
    }
}
