import BlockServer
import DemoModel
import Model
import P2PCore
import P2PWire
import ShardProtocol
import SwarmCore
import Synchronization
import Testing

@testable import BlockServer
@testable import Coordinator

/// Steps that real block servers push to each other, whoever of them is lost on the way.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ChainPushingTests {
    private let coordinator: Coordinator
    private let options = GenerationOptions(
        sampling: SamplingOptions(temperature: 0.8, seed: 3),
        maxTokens: 40,
        ignoresEndOfSequence: true,
        prefillChunk: 4,
        keepsLogits: true
    )
    private let prompt: [UInt32] = [0, 20, 30, 40, 50, 60, 70, 80, 90, 100]

    init() throws {
        self.coordinator = try Coordinator(model: DemoModel.directory(), tokenizer: DemoModel.tokenizer())
    }

    private func generate(over chain: Chain) async throws -> Generation {
        var run = try GenerationRun(
            chain: chain,
            sequence: try self.coordinator.sequence(self.prompt, self.options),
            tokenizer: self.coordinator.tokenizer,
            options: self.options
        )
        return try await run.run { _ in }
    }

    private func generateAlone() async throws -> Generation {
        let blocks = try self.coordinator.loadBlocks(threads: 1, progress: { _ in })
        return try await self.generate(over: try self.coordinator.openChain(over: blocks, maximumTokens: 64))
    }

    /// A generation over three fronts that push, and one more for each of their ranges.
    private func expectSame(
        _ fault: @escaping PushFronts.Fault = { _, _ in .none },
        refusing: Int? = nil
    ) async throws -> Generation {
        let expected = try await self.generateAlone()
        return try await PushFronts.run(["0..8", "8..16", "16..24"], fault, refusing: refusing) { fronts in
            let spans = try fronts.places.prefix(3).map { try fronts.span(of: $0) }
            let chain = try Chain(spans: spans, blockCount: 24, chunk: 8, way: .push) { vacancy in
                try fronts.places.suffix(3).filter { vacancy.blocks.contains($0.blocks) }.map(fronts.span)
            }
            let generation = try await self.generate(over: chain)
            await chain.close()
            #expect(generation.tokens == expected.tokens)
            #expect(generation.text == expected.text)
            #expect(generation.logits == expected.logits)
            return generation
        }
    }

    @Test func `pushed is what one process gives, and nearly every step is`() async throws {
        let generation = try await self.expectSame()
        #expect(generation.statistics.pushedSteps > 2 * 30)
        #expect(generation.statistics.failovers == 0)
    }

    @Test(arguments: 0..<3, [false, true]) func `a hop that dies in the middle of a pass is replaced, whichever it is`(
        hop: Int,
        hasRun: Bool
    ) async throws {
        let generation = try await self.expectSame { front, position in
            front == hop && position == 30 ? (hasRun ? .diesAfter : .diesBefore) : .none
        }
        #expect(generation.statistics.failovers == 1)
        // The new hop pushes, and is pushed to.
        #expect(generation.statistics.pushedSteps > 2 * 20)
    }

    @Test func `an edge that cannot be dialled is gone round, and the others push`() async throws {
        // The last takes no connection but the coordinator's.
        let generation = try await self.expectSame(refusing: 2)
        #expect(generation.statistics.failovers == 0)
        #expect(generation.statistics.pushedSteps > 30 && generation.statistics.pushedSteps <= 42)
    }

    /// What another hop, or anybody else, sends to a session without the right to.
    private enum Forgery: String, CaseIterable {
        case anotherPeer, anotherCoordinator, anotherSession, noCoordinator
    }

    @Test(arguments: Forgery.allCases) private func `a forged push changes nothing, and nobody hears of it`(
        forgery: Forgery
    ) async throws {
        try await self.withOpenSession { session in
            var push = session.push(number: 0, at: 0)
            switch forgery {
            case .anotherPeer: break
            case .anotherCoordinator: push.step?.coordinator = Identity().peerID
            case .anotherSession: push.sessionID = SessionID(rawValue: 4711)
            case .noCoordinator: push.step?.coordinator = nil
            }
            let host = forgery == .anotherPeer ? session.stranger : session.predecessor
            let stream = try await session.stream(from: host)
            try await stream.writeFrame(push.encoded())
            // It is reset, not answered.
            await #expect(throws: P2PError.self) { try await stream.read() }
            #expect(session.answered.withLock { $0.isEmpty })
            let own = try await session.stream(from: session.predecessor)
            #expect(try await session.answer(to: session.push(number: 0, at: 0), on: own).step?.have == 2)
        }
    }

    @Test func `a push that is sent again is stale, and what came after it stays`() async throws {
        try await self.withOpenSession { session in
            let stream = try await session.stream(from: session.predecessor)
            _ = try await session.answer(to: session.push(number: 0, at: 0), on: stream)
            let second = try await session.answer(to: session.push(number: 1, at: 2), on: stream)
            // Other bytes under an old number, and the old ones.
            let other = try await session.answer(to: session.push(number: 0, at: 2, value: 0x4000), on: stream)
            #expect(other.code == .staleStep)
            let again = try await session.answer(to: session.push(number: 1, at: 2), on: stream)
            #expect(again.activations == second.activations)
            #expect(try await session.answer(to: session.push(number: 2, at: 4), on: stream).step?.have == 6)
        }
    }

    private func withOpenSession(_ body: (OpenSession) async throws -> Void) async throws {
        try await PushFronts.run(["8..16"], { _, _ in .none }) { fronts in
            try await withHost(Host.Configuration()) { predecessor in
                try await withHost(Host.Configuration()) { stranger in
                    let session = try await OpenSession(fronts, predecessor, stranger)
                    try await body(session)
                    try await session.end()
                }
            }
        }
    }
}

/// A session on a front whose steps a predecessor pushes.
private final class OpenSession: Sendable {
    let predecessor: Host
    let stranger: Host
    let answered = Mutex<[UInt32]>([])
    private let front: PeerInfo
    private let coordinator: Host
    private let stream: InferenceStream
    private let id = SessionID(rawValue: 12345)
    private let width: Int
    private let blocks: BlockRange

    init(_ fronts: PushFronts, _ predecessor: Host, _ stranger: Host) async throws {
        self.front = fronts.places[0].info
        self.blocks = fronts.places[0].blocks
        self.coordinator = fronts.host
        self.predecessor = predecessor
        self.stranger = stranger
        self.width = try DemoModel.directory().configuration.hiddenSize
        self.stream = try await InferenceStream(to: self.front, over: fronts.host)
        var step = StepExtension(operation: .open, blocks: self.blocks, step: .max, logits: .none)
        step.predecessor = predecessor.peerID
        let open = InferenceRequest(sessionID: self.id, position: .start, payload: .tokenIDs([]), step: step)
        #expect(try await self.stream.send(open).code == .ok)
    }

    /// Closes the session too, for which the front would wait.
    func end() async throws {
        let step = StepExtension(operation: .close, blocks: self.blocks, step: .max - 2, logits: .none)
        let close = InferenceRequest(sessionID: self.id, position: .start, payload: .tokenIDs([]), step: step)
        _ = try await self.stream.send(close)
        self.stream.end()
    }

    /// Two tokens.
    func push(number: UInt32, at position: UInt32, value: UInt16 = 0x3c00) -> InferenceRequest {
        var step = StepExtension(blocks: self.blocks, step: number)
        step.coordinator = self.coordinator.peerID
        let halves = [UInt16](repeating: value, count: 2 * self.width)
        return InferenceRequest(
            sessionID: self.id,
            position: SequencePosition(rawValue: position),
            payload: .hiddenStates((try? Activations(tokens: 2, halves: halves)) ?? .none),
            step: step
        )
    }

    func stream(from host: Host) async throws -> PeerStream {
        try await host.openStream(PushTarget.protocolID, to: self.front, isExpected: true)
    }

    /// Pushes a step, and waits for what the coordinator hears of it. Whoever expects an answer says so before: it may come
    /// before the writer goes on.
    func answer(to request: InferenceRequest, on stream: PeerStream) async throws -> InferenceResponse {
        let step = try #require(request.step?.step)
        let (answers, heard) = AsyncThrowingStream.makeStream(of: InferenceResponse.self)
        self.stream.expect(step) { result in
            self.answered.withLock { $0.append(step) }
            heard.yield(with: result.mapError { $0 })
            heard.finish()
        }
        try await stream.writeFrame(request.encoded())
        for try await answer in answers { return answer }
        throw CancellationError()
    }
}

/// Block servers of the demo model, each behind a host of its own that can die.
private struct PushFronts: Sendable {
    typealias Fault = @Sendable (_ front: Int, _ position: Int) -> Kind

    enum Kind {
        case none
        /// Its connections break before the step has run, or after.
        case diesBefore, diesAfter
    }

    struct Place: Sendable {
        var info: PeerInfo
        var blocks: BlockRange
    }

    var places: [Place] = []
    let host: Host

    /// - Parameter refusing: the front that lets nobody connect but the coordinator.
    static func run<Value: Sendable>(
        _ ranges: [String],
        _ fault: @escaping Fault,
        refusing: Int? = nil,
        _ body: (PushFronts) async throws -> Value
    ) async throws -> Value {
        try await withHost(Host.Configuration()) { host in
            try await Self.add(ranges + ranges, PushFronts(host: host), fault, refusing, body)
        }
    }

    private static func add<Value: Sendable>(
        _ ranges: [String],
        _ fronts: PushFronts,
        _ fault: @escaping Fault,
        _ refusing: Int?,
        _ body: (PushFronts) async throws -> Value
    ) async throws -> Value {
        let index = fronts.places.count
        guard index < ranges.count else { return try await body(fronts) }
        var configuration = BlockServer.Configuration(range: try BlockRange(ranges[index]))
        configuration.threads = 1
        let blocks = configuration.range
        var listening = Host.Configuration(listenAddresses: [try Multiaddr("/ip4/127.0.0.1/tcp/0")])
        if refusing == index { listening.allowedPeers = [fronts.host.peerID] }
        let model = try DemoModel.directory()
        return try await withHost(listening) { front in
            try await withHost(Host.Configuration()) { back in
                try await withBlockServer(host: back, dht: nil, model: model, configuration: configuration) { server in
                    serveInferenceStreams(on: front, limit: 64) { peer, request in
                        let kind = fault(index, Int(request.position.rawValue))
                        if case .diesBefore = kind { await Self.kill(front) }
                        let response = await server.answer(peer, request)
                        if case .diesAfter = kind { await Self.kill(front) }
                        return response
                    }
                    var fronts = fronts
                    let info = PeerInfo(id: front.peerID, addresses: front.listenAddresses)
                    fronts.places.append(Place(info: info, blocks: blocks))
                    return try await Self.add(ranges, fronts, fault, refusing, body)
                }
            }
        }
    }

    /// Ends everything that goes on over the host, this included.
    private static func kill(_ front: Host) async {
        // A task of its own, because the host waits for whoever asks it to close.
        Task { await front.close() }
        try? await Task.sleep(for: .seconds(60))
    }

    func span(of place: Place) throws -> any Span {
        let configuration = try DemoModel.directory().configuration
        return RemoteSpan(
            peer: place.info,
            blocks: place.blocks,
            speaksExtension: true,
            speaksStreams: true,
            speaksPush: true,
            isLastOfChain: place.blocks.upperBound == configuration.blockCount,
            maximumTokens: 64,
            model: .init(hiddenSize: configuration.hiddenSize, vocabularySize: configuration.vocabularySize),
            host: self.host
        )
    }
}
