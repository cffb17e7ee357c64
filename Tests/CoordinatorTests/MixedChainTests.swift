import DemoModel
import Model
import P2PCore
import P2PWire
import ShardProtocol
import Testing

@testable import BlockServer
@testable import Coordinator

/// Generations over real block servers on loopback that speak different versions of the protocol.
@Suite(.timeLimit(.minutes(2))) struct MixedChainTests {
    private enum Dialect {
        /// `/kwaai/inference/1.1.0`.
        case streams
        /// `/kwaai/inference/1.0.0` alone, without the extension or a node record.
        case plain
    }

    private static let prompt = "Lily had a red ball. Lily had a red ball. Lily had a red"

    private static func hosting() throws -> Host.Configuration {
        Host.Configuration(listenAddresses: [try Multiaddr("/ip4/127.0.0.1/tcp/0")])
    }

    /// A server of some blocks while `body` runs, reached as its dialect says.
    private static func serving(
        _ blocks: BlockRange,
        _ dialect: Dialect,
        _ body: (PinnedHop) async throws -> Generation
    ) async throws -> Generation {
        var configuration = BlockServer.Configuration(range: blocks)
        configuration.threads = 1
        return try await withHost(try Self.hosting()) { host in
            try await withBlockServer(
                host: host,
                dht: nil,
                model: try DemoModel.directory(),
                configuration: configuration
            ) { server in
                switch dialect {
                case .streams: return try await body(PinnedHop(address: host.dialAddresses[0], blocks: blocks))
                case .plain:
                    return try await withHost(try Self.hosting()) { front in
                        serveInference(on: front, limit: 4) { peer, request in
                            var request = request
                            request.step = nil
                            var response = await server.answer(peer, request)
                            response.step = nil
                            return response
                        }
                        return try await body(PinnedHop(address: front.dialAddresses[0], blocks: blocks))
                    }
                }
            }
        }
    }

    /// A generation over one server for each dialect, the blocks divided among them.
    private static func generation(
        over dialects: [Dialect],
        _ options: GenerationOptions,
        _ way: StepWay = .star,
        hops: [PinnedHop] = []
    ) async throws -> Generation {
        let model = try DemoModel.directory()
        let count = model.configuration.blockCount
        guard hops.count < dialects.count else {
            let coordinator = try Coordinator(model: model, tokenizer: try DemoModel.tokenizer(), way: way)
            return try await withHost(Host.Configuration()) { host in
                try await coordinator.generate(
                    Self.prompt,
                    options: options,
                    over: .pinned(hops),
                    host: host
                )
            }
        }
        let (lower, upper) = (hops.count * count / dialects.count, (hops.count + 1) * count / dialects.count)
        return try await Self.serving(try BlockRange(lower, upper), dialects[hops.count]) { hop in
            try await Self.generation(over: dialects, options, way, hops: hops + [hop])
        }
    }

    private static func options(_ speculation: Speculation, temperature: Double = 0) -> GenerationOptions {
        GenerationOptions(
            sampling: SamplingOptions(temperature: temperature, seed: 11),
            maxTokens: 60,
            ignoresEndOfSequence: true,
            prefillChunk: 5,
            speculation: speculation
        )
    }

    /// In one process, without a network.
    private static func expected(temperature: Double = 0) async throws -> [UInt32] {
        let coordinator = try Coordinator(model: try DemoModel.directory(), tokenizer: try DemoModel.tokenizer())
        let prompt = try coordinator.tokens(of: Self.prompt)
        let options = Self.options(.off, temperature: temperature)
        return try await coordinator.generateLocally(prompt, options: options, threads: 1).tokens
    }

    @Test func `a peer that speaks only 1.0.0 works in a chain with others, which takes nothing back then`()
        async throws
    {
        let generation = try await Self.generation(over: [.streams, .plain, .streams], Self.options(.tokens(4)))
        #expect(generation.tokens == (try await Self.expected()))
        #expect(!generation.isExact)
        #expect(generation.statistics.guessedTokens == 0)
    }

    @Test(arguments: [Speculation.off, .tokens(4)], [0, 0.9])
    func `steps that go from hop to hop give what one process gives`(
        speculation: Speculation,
        temperature: Double
    ) async throws {
        let options = Self.options(speculation, temperature: temperature)
        let generation = try await Self.generation(over: [.streams, .streams, .streams], options, .push)
        #expect(generation.tokens == (try await Self.expected(temperature: temperature)))
        #expect(generation.statistics.pushedSteps > 0)
    }

    @Test func `a peer that speaks only 1.0.0 is passed by, and the others push`() async throws {
        let generation = try await Self.generation(over: [.streams, .streams, .plain], Self.options(.off), .push)
        #expect(generation.tokens == (try await Self.expected()))
        #expect(generation.statistics.pushedSteps > 0)
        let auto = try await Self.generation(over: [.streams, .streams, .plain], Self.options(.off), .auto)
        #expect(auto.tokens == generation.tokens && auto.statistics.pushedSteps == 0)
    }

    @Test(arguments: [Speculation.off, .auto, .tokens(4)], [0, 0.9])
    func `a chain of streams gives what one process gives, with guesses and without`(
        speculation: Speculation,
        temperature: Double
    ) async throws {
        let options = Self.options(speculation, temperature: temperature)
        let generation = try await Self.generation(over: [.streams, .streams, .streams], options)
        #expect(generation.tokens == (try await Self.expected(temperature: temperature)))
        #expect(generation.isExact)
        #expect(generation.statistics.hops.count == 3)
        if speculation == .tokens(4) { #expect(generation.statistics.rightGuesses > 0) }
    }
}
