import DemoModel
import Model
import P2PCore
import P2PWire
import ShardProtocol
import Synchronization
import Testing

@testable import BlockServer
@testable import Coordinator

/// Many generations over one chain, each of a peer of its own.
extension MixedChainTests {
    private static let count = 32

    /// No two are alike: in their prompts, their draws, their guesses and their ends.
    private static func task(_ index: Int) -> (prompt: [UInt32], options: GenerationOptions) {
        let prompt = (0..<4 + index % 7).map { UInt32(20 + 31 * index + 10 * ($0 % 3)) % 1000 }
        let options = GenerationOptions(
            sampling: SamplingOptions(temperature: 0.8, seed: UInt64(index)),
            maxTokens: 8 + index % 9,
            ignoresEndOfSequence: true,
            prefillChunk: 3 + index % 4,
            speculation: index % 2 == 0 ? .off : .tokens(3),
            keepsLogits: true
        )
        return (prompt, options)
    }

    @Test func `thirty-two generations at once give each what it gives alone`() async throws {
        let coordinator = try Coordinator(model: try DemoModel.directory(), tokenizer: try DemoModel.tokenizer())
        let alone = try await Self.generationsAlone(coordinator)
        let meeting = Meeting(of: Self.count)
        let together = try await Self.withServers(["0..8", "8..16", "16..24"]) { servers in
            try await withThrowingTaskGroup(of: (Int, Generation).self) { group in
                for index in 0..<Self.count {
                    group.addTask {
                        let generation = try await Self.generation(index, coordinator, servers.map(\.hop)) {
                            guard await meeting.join() else { return }
                            // All of them stand in the middle now.
                            for server in servers { #expect(await server.server.sessionCount == Self.count) }
                            meeting.end()
                        }
                        return (index, generation)
                    }
                }
                return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
        }
        // Their logits by the thousand would tell nobody anything.
        let others = alone.indices.filter { index in
            guard let generation = together[index] else { return true }
            return generation.tokens != alone[index].tokens || generation.text != alone[index].text
                || generation.logits != alone[index].logits
        }
        #expect(others.isEmpty)
        #expect(together.values.allSatisfy { $0.statistics.failovers == 0 })
        #expect(Set(alone.map(\.tokens)).count == Self.count)
    }

    /// In this process, one after the other.
    private static func generationsAlone(_ coordinator: Coordinator) async throws -> [Generation] {
        let blocks = try coordinator.loadBlocks(threads: 1, progress: { _ in })
        var generations: [Generation] = []
        for index in 0..<Self.count {
            let (prompt, options) = Self.task(index)
            var run = try GenerationRun(
                chain: try coordinator.openChain(over: blocks, maximumTokens: 64),
                sequence: try coordinator.sequence(prompt, options),
                tokenizer: coordinator.tokenizer,
                options: options
            )
            generations.append(try await run.run { _ in })
        }
        return generations
    }

    /// Over the servers, from a host of its own.
    ///
    /// - Parameter pause: waited for once, when some of the text has come.
    private static func generation(
        _ index: Int,
        _ coordinator: Coordinator,
        _ hops: [PinnedHop],
        pause: () async -> Void
    ) async throws -> Generation {
        let (prompt, options) = Self.task(index)
        return try await withHost(Host.Configuration()) { host in
            var hasPaused = false
            return try await coordinator.generate(prompt, options: options, over: .pinned(hops), host: host) { event in
                guard case .text = event, !hasPaused else { return }
                hasPaused = true
                await pause()
            }
        }
    }

    private struct Server: Sendable {
        var hop: PinnedHop
        var server: BlockServer
    }

    private static func withServers<Value: Sendable>(
        _ ranges: [String],
        _ servers: [Server] = [],
        _ body: ([Server]) async throws -> Value
    ) async throws -> Value {
        guard servers.count < ranges.count else { return try await body(servers) }
        var configuration = BlockServer.Configuration(range: try BlockRange(ranges[servers.count]))
        configuration.threads = 1
        let listening = Host.Configuration(listenAddresses: [try Multiaddr("/ip4/127.0.0.1/tcp/0")])
        let model = try DemoModel.directory()
        return try await withHost(listening) { host in
            try await withBlockServer(host: host, dht: nil, model: model, configuration: configuration) { server in
                let hop = PinnedHop(address: host.dialAddresses[0], blocks: configuration.range)
                return try await Self.withServers(ranges, servers + [Server(hop: hop, server: server)], body)
            }
        }
    }
}

/// Where tasks wait for each other.
private final class Meeting: Sendable {
    private struct State {
        var missing: Int
        var isOver = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state: Mutex<State>

    init(of count: Int) { self.state = Mutex(State(missing: count)) }

    /// Waits until the meeting is over; whoever comes last does not wait, and is to end it.
    ///
    /// - Returns: whether that is so.
    func join() async -> Bool {
        let isLast = self.state.withLock { state in
            state.missing -= 1
            return state.missing == 0
        }
        guard !isLast else { return true }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = self.state.withLock { state in
                    if !state.isOver { state.waiting.append(continuation) }
                    return state.isOver
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            // Somebody failed who will not come any more.
            self.end()
        }
        return false
    }

    func end() {
        let waiting = self.state.withLock { state in
            defer { state.waiting = [] }
            state.isOver = true
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}
