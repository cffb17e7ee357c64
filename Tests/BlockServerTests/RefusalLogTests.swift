import Logging
import Model
import P2PCore
import P2PWire
import ShardProtocol
import Testing

@testable import BlockServer

@Suite struct RefusalLogTests {
    private let peer = Identity().peerID
    private let start = ContinuousClock.now

    @Test func `a peer is told of once a minute for each code`() {
        var log = RefusalLog()
        #expect(log.refused(self.peer, .gap, now: self.start) == 0)
        for second in 1..<60 {
            #expect(log.refused(self.peer, .gap, now: self.start + .seconds(second)) == nil)
        }
        let minute = self.start + .seconds(60)
        #expect(log.refused(self.peer, .badTensor, now: minute - .nanoseconds(1)) == 59)
        #expect(log.refused(Identity().peerID, .gap, now: minute - .nanoseconds(1)) == 0)
        #expect(log.refused(self.peer, .gap, now: minute) == 0)
    }

    @Test func `all peers together fill so many lines a minute, and no more memory`() {
        var log = RefusalLog()
        for _ in 0..<Limits.loggedRefusals {
            #expect(log.refused(Identity().peerID, .unknownSession, now: self.start) == 0)
        }
        for _ in 0..<1000 {
            #expect(log.refused(Identity().peerID, .unknownSession, now: self.start + .seconds(59)) == nil)
        }
        #expect(log.count == Limits.loggedRefusals)
        #expect(log.refused(self.peer, .unknownSession, now: self.start + .seconds(60)) == 1000)
        #expect(log.count == 1)
    }

    @Test func `what was left out is told once nobody is refused any more`() {
        var log = RefusalLog()
        #expect(log.quiet(now: self.start) == nil)
        for _ in 0..<8 { _ = log.refused(self.peer, .tooLarge, now: self.start) }
        #expect(log.quiet(now: self.start + .seconds(59)) == nil)
        #expect(log.quiet(now: self.start + .seconds(60)) == 7)
        #expect(log.quiet(now: self.start + .seconds(120)) == nil)
        #expect(log.refused(self.peer, .tooLarge, now: self.start + .seconds(120)) == 0)
    }

    @Test func `a server that is busy, or that comes or goes, is no reason for a line`() {
        let silent: Set<ReplyCode> = [.ok, .busy, .warmingUp, .draining, .unreachable, .cancelled]
        #expect(Set(ReplyCode.allCases.filter { !$0.isLogged }) == silent)
    }

    @Test func `what was left out is told while the server keeps house`() async throws {
        let log = RecordingLog()
        let sessions = Sessions(
            try TinyModel.loaded(),
            range: try BlockRange(0, TinyModel.blockCount),
            kvMemory: 1 << 24,
            speed: SpeedMeter(),
            compute: ComputeQueue(label: "test"),
            logger: log.logger
        )
        let request = try TestSession(0, 4).tokens([1], at: 1, step: 0)
        for _ in 0..<3 { #expect(await sessions.answer(self.peer, request).code == .unknownSession) }
        sessions.expire(now: .now)
        #expect(log.lines.map { $0.metadata["left_out"] } == ["0"])
        sessions.expire(now: .now + Limits.refusalTime)
        #expect(log.lines.map { $0.metadata["left_out"] } == ["0", "2"])
    }

    private static func listening() throws -> Host.Configuration {
        Host.Configuration(listenAddresses: [try Multiaddr("/ip4/127.0.0.1/tcp/0")])
    }

    /// What a peer can ask for that it cannot have, and what it hears; one of each kind, of session 2 unless it says so.
    private static func misuse() throws -> [(InferenceRequest, ReplyCode)] {
        let own = try TestSession(id: 2, 0, 4)
        let states = try TestSession(id: 3, 2, 4)
        let notANumber = [0x7e00] + [UInt16](repeating: 0x3c00, count: TinyModel.hidden - 1)
        let long = [UInt32](repeating: 1, count: TinyModel.context + 1)
        return [
            (own.tokens([1], at: 0, step: 5), .ok),
            // The session of that number is another peer's.
            (try TestSession(id: 1, 0, 4).tokens([7], at: 1, step: 1), .unknownSession),
            (own.tokens([7], at: 9, step: 6), .gap),
            (own.tokens([7], at: 0, step: 4, rollback: true), .staleStep),
            (try TestSession(id: 2, 0, 2).tokens([7], at: 1, step: 7), .wrongRange),
            (states.hidden(try Activations(tokens: 1, halves: notANumber), at: 0, step: 0), .badTensor),
            (try TestSession(id: 4, 0, 4).tokens(long, at: 0, step: 0), .tooLarge),
            // One beyond each bound is heard of once.
            (own.tokens([7], at: .max, step: 8), .gap),
            (states.hidden(try Activations(tokens: 1, halves: [1, 2]), at: 0, step: 1), .badTensor),
            (own.tokens([7], at: 1, step: 9, logits: .final(2)), .badRequest),
        ]
    }

    @Test func `a server tells of each misuse, once for each peer and code, and of no token`() async throws {
        let log = RecordingLog()
        var configuration = BlockServer.Configuration(range: try BlockRange(0, 4))
        (configuration.threads, configuration.logger) = (1, log.logger)
        let (model, serving) = (try TinyModel.directory(), configuration)
        try await withHost(Self.listening()) { host in
            try await withBlockServer(host: host, dht: nil, model: model, configuration: serving) { _ in
                let peer = PeerInfo(id: host.peerID, addresses: host.listenAddresses)
                try await withHost(Self.listening()) { honest in
                    let client = InferenceClient(host: honest)
                    let session = try TestSession(id: 1, 0, 4)
                    for (request, code) in [
                        (session.tokens([1], at: 0, step: 0), ReplyCode.ok),
                        (session.tokens([4321], at: 1, step: 1), .badTensor),
                    ] {
                        #expect(try await client.send(request, to: peer, timeout: .seconds(30)).code == code)
                    }
                    try await withHost(Self.listening()) { hostile in
                        let client = InferenceClient(host: hostile)
                        for (request, code) in try Self.misuse() {
                            let answer = try await client.send(request, to: peer, timeout: .seconds(30))
                            #expect(answer.code == code)
                        }
                        let told = [
                            (honest, 1, ReplyCode.badTensor, 0), (hostile, 1, .unknownSession, 0),
                            (hostile, 2, .gap, 0), (hostile, 2, .staleStep, 0), (hostile, 2, .wrongRange, 0),
                            (hostile, 3, .badTensor, 0), (hostile, 4, .tooLarge, 0), (hostile, 2, .badRequest, 2),
                        ]
                        let expected = told.map { "\($0.peerID) \($1) \($2.rawValue) \($3)" }
                        let lines = log.lines.filter { $0.text == "a request was refused" }
                        let found = lines.map { line in
                            ["peer", "session", "code", "left_out"].map { line.metadata[$0] ?? "-" }
                                .joined(separator: " ")
                        }
                        #expect(found == expected)
                        #expect(lines.allSatisfy { $0.level == .info && $0.metadata["message"]?.isEmpty == false })
                        #expect(!log.lines.contains { $0.metadata["message"]?.contains("4321") ?? false })
                    }
                }
            }
        }
    }
}
