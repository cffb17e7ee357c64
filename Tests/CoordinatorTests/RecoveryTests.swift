import BlockServer
import DemoModel
import Model
import P2PCore
import P2PWire
import ShardProtocol
import SwarmCore
import Synchronization
import Testing

@testable import Coordinator

/// Generations over real block servers that are lost, leave or forget: tokens, text and logits are those of one process.
@Suite(.serialized, .timeLimit(.minutes(2))) struct RecoveryTests {
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

    /// A generation over three servers, with two more that overlap them, and what one process makes of the same.
    private func expectSame(
        keepsStandbys: Bool = false,
        script: @escaping Script.Closure,
        _ report: (GenerationEvent, Servers) async throws -> Void = { _, _ in }
    ) async throws -> Generation {
        let blocks = try self.coordinator.loadBlocks(threads: 1, progress: { _ in })
        let local = try self.coordinator.openChain(over: blocks, maximumTokens: 64)
        let expected = try await self.generate(over: local) { _ in }
        return try await Servers.run(["0..8", "8..16", "16..24", "0..14", "10..24"]) { servers in
            let script = Script(script)
            let spans = try servers.peers.prefix(3).map { try servers.span(of: $0, blocks: $0.range, script: script) }
            let chain = try Chain(spans: spans, blockCount: 24, chunk: 8, keepsStandbys: keepsStandbys) { vacancy in
                try servers.spares(for: vacancy.blocks, excluding: vacancy.excluding).map { peer, blocks in
                    try servers.span(of: peer, blocks: blocks, script: script)
                }
            }
            let generation = try await self.generate(over: chain) { try await report($0, servers) }
            await chain.close()
            #expect(generation.tokens == expected.tokens)
            #expect(generation.text == expected.text)
            #expect(generation.logits == expected.logits)
            return generation
        }
    }

    private func generate(
        over chain: Chain,
        _ report: (GenerationEvent) async throws -> Void
    ) async throws -> Generation {
        var run = try GenerationRun(
            chain: chain,
            sequence: try self.coordinator.sequence(self.prompt, self.options),
            tokenizer: self.coordinator.tokenizer,
            options: self.options
        )
        return try await run.run(report: report)
    }

    @Test(arguments: [0, 8, 16], [0, 8, 10, 30]) func `a hop that is lost is replaced by one peer or by two`(
        firstBlock: Int,
        position: Int
    ) async throws {
        for fault in [Fault.lost, .answerLost] {
            let generation = try await self.expectSame { blocks, at, isSpare in
                !isSpare && blocks.lowerBound == firstBlock && at == position ? fault : nil
            }
            #expect(generation.statistics.failovers == 1)
            #expect(generation.statistics.replayedTokens == position)
            // Blocks 8 to 16 take two peers, of which neither holds all.
            #expect(generation.statistics.hops.count == (firstBlock == 8 ? 5 : 4))
        }
    }

    @Test func `a session that was forgotten begins anew on the same peer`() async throws {
        let forgotten = Mutex(false)
        let generation = try await self.expectSame { blocks, at, _ in
            guard blocks.lowerBound == 16, at == 20 else { return nil }
            return forgotten.withLock { wasForgotten in
                defer { wasForgotten = true }
                return wasForgotten ? nil : .forgotten
            }
        }
        #expect(generation.statistics.failovers == 1)
        #expect(Set(generation.statistics.hops.map(\.name)).count == 3)
    }

    @Test func `a hop that is late is left for another`() async throws {
        let generation = try await self.expectSame { blocks, at, isSpare in
            !isSpare && blocks.lowerBound == 0 && at == 25 ? .late : nil
        }
        #expect(generation.statistics.failovers == 1)
    }

    @Test func `a server that drains is left before it goes, and goes as soon as it is left`() async throws {
        let recoveries = Mutex<[Recovery]>([])
        try await withThrowingDiscardingTaskGroup { group in
            var tokens = 0
            let generation = try await self.expectSame(script: { _, _, _ in nil }) { event, servers in
                switch event {
                case .text:
                    tokens += 1
                    guard tokens == 8 else { return }
                    group.addTask { await servers.peers[2].server.drain() }
                    // It says so from its next answer on.
                    while await servers.peers[2].server.state == .online { await Task.yield() }
                case .recovered(let recovery): recoveries.withLock { $0.append(recovery) }
                case .planned, .prefilled, .promptText: break
                }
            }
            #expect(generation.statistics.failovers == 1)
        }
        let recovery = try #require(recoveries.withLock { $0.first })
        #expect(recovery.reason == "is leaving")
        #expect(recovery.blocks == (try BlockRange(16, 24)))
        #expect(recovery.tokens <= 16)
    }

    @Test func `a standby makes a loss cost a few tokens`() async throws {
        let generation = try await self.expectSame(keepsStandbys: true) { blocks, at, isSpare in
            !isSpare && blocks.lowerBound == 16 && at == 45 ? .lost : nil
        }
        #expect(generation.statistics.failovers == 1)
        #expect(generation.statistics.replayedTokens < 45)
    }

    @Test func `without anybody else the error names who was lost, and what to do`() async throws {
        let error = await #expect(throws: CoordinatorError.self) {
            _ = try await self.expectSame { blocks, at, _ in blocks.lowerBound == 8 && at >= 12 ? .lost : nil }
        }
        #expect(error?.code == .peerLost)
        #expect(error?.message.contains("which ran blocks 8..14") == true)
    }
}

/// What becomes of a step.
private enum Fault {
    /// It does not arrive.
    case lost
    /// It runs, and its answer does not arrive.
    case answerLost
    case forgotten
    case late
}

/// Which steps meet a fault, by their blocks, their position and whether they are a replacement's.
private struct Script: Sendable {
    typealias Closure = @Sendable (BlockRange, Int, Bool) -> Fault?

    let fault: Closure

    init(_ fault: @escaping Closure) { self.fault = fault }
}

/// A session on a server, some of whose steps go wrong.
private struct ScriptedSpan: Span {
    let span: RemoteSpan
    let isSpare: Bool
    let script: Script

    var blocks: BlockRange { self.span.blocks }
    var isExact: Bool { self.span.isExact }
    var name: String { self.span.name }
    var peer: PeerID? { self.span.peer }
    var executor: (any TaskExecutor)? { self.span.executor }
    var takesStepsAhead: Bool { self.span.takesStepsAhead }

    func step(_ step: SpanStep, deadline: StepDeadline?) async throws(CoordinatorError) -> SpanAnswer {
        let position = step.position
        let last = position + step.input.tokenCount - 1
        func run() async throws(CoordinatorError) -> SpanAnswer {
            try await self.span.step(step, deadline: deadline)
        }
        let message = "lost peer \(self.name), which ran blocks \(self.blocks)"
        switch self.script.fault(self.blocks, position, self.isSpare) {
        case .lost: throw CoordinatorError(.peerLost, message)
        case .answerLost:
            _ = try await run()
            throw CoordinatorError(.peerLost, message)
        case .forgotten: throw CoordinatorError(.refused(.unknownSession), "no session at \(last)")
        case .late:
            if await deadline?.passed() ?? false { throw CoordinatorError(.peerLost, message) }
            return try await run()
        case nil: return try await run()
        }
    }

    func reopened() -> (any Span)? { self.span.reopened() }

    func close() async { await self.span.close() }
}

/// Block servers of the demo model in this process, and a host that dials them.
private struct Servers: Sendable {
    struct Peer: Sendable {
        var info: PeerInfo
        var range: BlockRange
        var server: BlockServer
    }

    var peers: [Peer]
    let host: Host

    static func run<Value: Sendable>(
        _ ranges: [String],
        _ body: (Servers) async throws -> Value
    ) async throws -> Value {
        try await withHost(Host.Configuration(identity: Identity())) { host in
            try await Self.add(ranges[...], Servers(peers: [], host: host), body)
        }
    }

    private static func add<Value: Sendable>(
        _ ranges: ArraySlice<String>,
        _ servers: Servers,
        _ body: (Servers) async throws -> Value
    ) async throws -> Value {
        guard let range = ranges.first else { return try await body(servers) }
        let listening = Host.Configuration(
            identity: Identity(),
            listenAddresses: [try Multiaddr("/ip4/127.0.0.1/tcp/0")]
        )
        var configuration = BlockServer.Configuration(range: try BlockRange(range))
        configuration.threads = 1
        let model = try DemoModel.directory()
        return try await withHost(listening) { host in
            try await withBlockServer(host: host, dht: nil, model: model, configuration: configuration) { server in
                var servers = servers
                let info = PeerInfo(id: host.peerID, addresses: host.listenAddresses)
                servers.peers.append(Peer(info: info, range: configuration.range, server: server))
                return try await Self.add(ranges.dropFirst(), servers, body)
            }
        }
    }

    func span(of peer: Peer, blocks: BlockRange, script: Script) throws -> ScriptedSpan {
        let configuration = try DemoModel.directory().configuration
        let span = RemoteSpan(
            peer: peer.info,
            blocks: blocks,
            speaksExtension: true,
            isLastOfChain: blocks.upperBound == configuration.blockCount,
            maximumTokens: 64,
            model: .init(hiddenSize: configuration.hiddenSize, vocabularySize: configuration.vocabularySize),
            host: self.host
        )
        return ScriptedSpan(span: span, isSpare: peer.range.count > 8, script: script)
    }

    /// The last two peers, each with what it holds of the blocks.
    func spares(for blocks: BlockRange, excluding: Set<PeerID>) throws -> [(Peer, BlockRange)] {
        var next = blocks.lowerBound
        var spares: [(Peer, BlockRange)] = []
        for peer in self.peers.suffix(2) where next < blocks.upperBound && !excluding.contains(peer.info.id) {
            guard peer.range.indices.contains(next) else { continue }
            let end = min(peer.range.upperBound, blocks.upperBound)
            spares.append((peer, try BlockRange(next, end)))
            next = end
        }
        guard next == blocks.upperBound else { throw CoordinatorError(.noRoute(missing: [blocks]), "nobody else") }
        return spares
    }
}
