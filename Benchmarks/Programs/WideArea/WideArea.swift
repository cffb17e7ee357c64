import Coordinator
import P2PCore
import P2PWire
import ShardProtocol
import Swarm

/// Generations over a chain of `serve` processes that seem to be far away, beside what physics allows.
@main
struct WideArea {
    static func main() async throws {
        guard Array(CommandLine.arguments.dropFirst()) != [BareLine.argument] else {
            return try await BareLine.serveEchoes()
        }
        let options = try Options(CommandLine.arguments.dropFirst())
        let subject = try Subject(model: options.model)
        print(Row.header)
        for hops in options.hops {
            try await Self.measure(hops: hops, options, subject)
        }
    }

    private static func measure(hops: Int, _ options: Options, _ subject: Subject) async throws {
        try await withProxies { folder, group in
            var servers: [Guarded] = []
            defer { for server in servers { server.stop() } }
            for blocks in subject.ranges(hops: hops) {
                var launch = subject.launch(blocks)
                launch.bootstrap = servers.first?.address
                launch.flags = options.flags
                servers.append(try await Guarded(launch, folder: folder, on: group))
            }
            let chain = try zip(servers, subject.ranges(hops: hops)).map { server, blocks in
                PinnedHop(
                    address: try Multiaddr(server.address),
                    blocks: try BlockRange(blocks.lowerBound, blocks.upperBound)
                )
            }
            try await subject.withPeer(joining: servers.map(\.address)) { host, _ in
                let program = CommandLine.arguments[0]
                let line = try await BareLine(hops: hops, program: program, folder: folder, on: group)
                defer { line.stop() }
                let run = Run(subject: subject, host: host, chain: chain, options: options)
                let near = try await run.generate(tokens: options.tokens, .off, over: subject.coordinator(.star))
                for milliseconds in options.roundTrips {
                    let delay = Duration.milliseconds(milliseconds) / 2
                    for server in servers { server.proxy.setDelay(delay) }
                    for route in options.routes {
                        let turn = try await line.turn(delay: delay)
                        print(try await run.row(route, milliseconds, bare: turn / hops, like: near.tokens))
                    }
                }
            }
        }
    }
}

/// Generations over one chain.
struct Run {
    let subject: Subject
    let host: P2PCore.Host
    let chain: [PinnedHop]
    let options: Options

    func generate(
        tokens: Int,
        _ speculation: Speculation,
        over coordinator: Coordinator
    ) async throws -> Generation {
        let generation = GenerationOptions(
            sampling: .greedy,
            maxTokens: tokens,
            ignoresEndOfSequence: true,
            speculation: speculation
        )
        return try await coordinator.generate(
            try self.subject.prompt(),
            options: generation,
            over: .pinned(self.chain),
            host: self.host
        )
    }

    /// - Parameters:
    ///   - bare: what the round trip to one of the hops takes over bare TCP.
    ///   - tokens: what the generation gives where nothing is far away.
    func row(_ route: StepWay, _ milliseconds: Int, bare: Duration, like tokens: [UInt32]) async throws -> Row {
        // There and back for every hop, or one way to every hop and one back.
        let network = route == .star ? bare * self.chain.count : bare * (self.chain.count + 1) / 2
        let coordinator = try self.subject.coordinator(route)
        let fitting = Duration.seconds(self.options.seconds) / max(network, .milliseconds(1))
        let count = min(self.options.tokens, max(8, Int(fitting)))
        let plain = try await self.generate(tokens: count, .off, over: coordinator)
        let guessing = try await self.generate(tokens: count, .auto, over: coordinator)
        guard plain.tokens == Array(tokens.prefix(count)), guessing.tokens == plain.tokens else {
            throw Failure("a generation gave other tokens than before")
        }
        return Row(route, milliseconds, bare: bare, network: network, plain.statistics, guessing.statistics)
    }
}

/// One line of the table.
struct Row: CustomStringConvertible {
    static let header = """
        | hops | round trip | over bare TCP | route | tokens/s | at most | above it, a hop | with speculation |
        |---|---|---|---|---|---|---|---|
        """

    let description: String

    /// - Parameter network: what a token cannot but spend on its way.
    init(
        _ route: StepWay,
        _ milliseconds: Int,
        bare: Duration,
        network: Duration,
        _ plain: GenerationStatistics,
        _ guessing: GenerationStatistics
    ) {
        let least = plain.median { $0.compute } + network
        // Medians on both sides: a virtual machine stands still now and then for longer than all that is measured here.
        let above = (plain.median { $0.duration - $0.compute } - network) / plain.hops.count / .milliseconds(1)
        let cells = [
            "\(plain.hops.count)", "\(milliseconds) ms", "\((bare / .milliseconds(1)).rounded(2)) ms", "\(route)",
            "\(plain.tokensPerSecond.rounded(1))", "\((1 / (least / .seconds(1))).rounded(1))",
            "\(above.rounded(2)) ms", "\(guessing.tokensPerSecond.rounded(1))",
        ]
        self.description = "| " + cells.joined(separator: " | ") + " |"
    }
}
